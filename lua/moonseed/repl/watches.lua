--- watch(expression): shown above the prompt, evaluated again and again.

local check = require "moonseed.check"
local chunk = require "moonseed.repl.chunk"
local show = require "moonseed.repl.show"
local task = require "moonseed.task"
local verbs = require "moonseed.verbs"

local M = {}

local SECONDS = 0.5  -- between two looks

---@class Watches
---@field list table[]        { name =, text =, task = }
---@field on_change fun(watch: table)
local Watches = {}
Watches.__index = Watches

---@param env table      globals of the expressions
---@param on_change fun(watch: table)  its text is another than before
---@return Watches
function M.new(env, on_change)
  return setmetatable({ env = env, on_change = on_change, list = {} }, Watches)
end

local function look(self, watch)
  local ok, value = pcall(watch.fn, chunk.pass)
  if ok and type(value) ~= "string" then ok, value = pcall(show.text, value) end
  local text = tostring(value):gsub("%s*\n%s*", " ")
  text = ok and text or "failed: " .. text
  if text == watch.text or watch.closed then return end
  watch.text = text
  self.on_change(watch)
end

local function compile(self, expression)
  if type(expression) == "function" then
    return expression, show.text(expression)
  end
  check.text("watch", "the expression", expression)
  local fn, why = chunk.compile(expression, "watch", self.env)
  if not fn then check.fail("watch", "%s", why) end
  return fn, expression
end

--- Watches an expression until `remove`. Its task is the session's child.
---@param expression string|function
---@param seconds number|nil  between two looks
function Watches:add(expression, seconds)
  local fn, name = compile(self, expression)
  seconds = seconds or SECONDS
  if check.number("watch", "the seconds", seconds) < 0.01 then
    check.fail("watch", "looks every 0.01 s at most, not %g", seconds)
  end
  self:remove(expression)
  local watch = { fn = fn, name = name, text = "", key = expression }
  table.insert(self.list, watch)
  watch.task = task.spawn(function()
    while not watch.closed do
      look(self, watch)
      verbs.sleep(1000 * seconds)
    end
  end, { name = "watch " .. name })
  watch.task.awaited = true
end

--- Ends the watch of an expression, or of all without one.
---@param expression string|function|nil
function Watches:remove(expression)
  for i = #self.list, 1, -1 do
    local watch = self.list[i]
    if expression == nil or watch.key == expression then
      watch.closed = true
      watch.task:cancel()
      table.remove(self.list, i)
    end
  end
end

--- A row for each.
---@return string[]
function Watches:rows()
  local rows = {}
  for i, watch in ipairs(self.list) do
    rows[i] = watch.name .. " = " .. watch.text
  end
  return rows
end

return M
