--- help(x): what the comments in the sources say about a function, a module
--- or a name.

local members = require "moonseed.repl.members"
local show = require "moonseed.repl.show"
local source = require "moonseed.repl.source"
local tensor = require "moonseed.tensor"

local M = {}

M.overview = [[
A line is Lua; its values are shown without `return`, `;` at its end silences.
Names you assign stay; a `local` is gone when its line has run. _ is the last
value, _1 to _9 those before it.

  help(x)  help "moon.conv2d"   what the sources say about it
  who()                         your variables
  runs()                        the trainings of this process
  plot(run, "loss")             a chart; also of a list of numbers
  watch("run.metrics.loss", 2)  above the prompt, every 2 s; unwatch() ends it
  reload "layers"               reads a Lua module again, in place

Lines are tasks: moon.sleep(100) or t:item() waits while trainings go on. What
a line spawns goes on after it. Lines are interpreted; put loops that must be
fast into a file.

Tab completes, Ctrl-R searches, Alt-Enter breaks the line, Ctrl-C ends the line
and nothing else, Ctrl-D the session, Ctrl-\ the process.]]

-- Functions that were made in a loop have their comment in types.lua.
local function from_types(name)
  local path = package.searchpath("moonseed.types", package.path)
  local lines = path and source.lines(path)
  if not lines then return nil end
  for number, line in ipairs(lines) do
    if line:match "^function ([%w_.:]+)%(" == name then
      local text = source.above(lines, number)
      table.insert(text, 1, source.signature(lines, number))
      return table.concat(text, "\n")
    end
  end
end

local function public_name(fn)
  for name, value in pairs(require "moonseed") do
    if value == fn then return "moon." .. name end
  end
  for name, value in pairs(tensor.methods) do
    if value == fn then return "Tensor:" .. name end
  end
end

local function of_function(fn)
  local path, number = source.place(fn)
  local lines = path and source.lines(path)
  if not lines then return show.text(fn) end
  local text = source.above(lines, number)
  if #text == 0 then
    local name = public_name(fn)
    local found = name and from_types(name)
    if found then return found end
    text[1] = "no comment"
  end
  local signature = source.signature(lines, number) or "function"
  local name = signature:find "^[%a]+[.:]" and public_name(fn)
  if name then signature = name .. signature:match "%b()$" end
  table.insert(text, 1, (signature:gsub("^M%.", "")))
  text[#text + 1] = ("%s:%d"):format(path, number)
  return table.concat(text, "\n")
end

-- The first sentence of a comment, up to an empty row or an example.
local function sentence(rows)
  local text = {}
  for _, row in ipairs(rows) do
    if row:find "^  " or row == "" then break end
    text[#text + 1] = row
  end
  local whole = table.concat(text, " ")
  return whole:match "^(.-[.:;])%s" or whole
end

local function first_sentence(fn)
  local path, number = source.place(fn)
  local lines = path and source.lines(path)
  return lines and sentence(source.above(lines, number)) or ""
end

local function loaded_as(value)
  for name, loaded in pairs(package.loaded) do
    if rawequal(loaded, value) and type(name) == "string" then return name end
  end
end

-- What a module's file says first.
local function file_comment(value)
  local name = loaded_as(value)
  local path = name and package.searchpath(name, package.path)
  local lines = path and source.lines(path)
  return lines and source.head(lines) or {}
end

local function about(member)
  if type(member) == "function" then return first_sentence(member) end
  if type(member) ~= "table" then return nil end
  local text = file_comment(member)
  return text[1] and sentence(text) or nil
end

local function list_members(value, text)
  local names = {}
  for name in pairs(members.names(value)) do
    if not name:find "^_" then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local what = about(members.get(value, name))
    if what then text[#text + 1] = ("  %-18s %s"):format(name, what) end
  end
end

local function of_table(value)
  local meta, subject = debug.getmetatable(value), value
  if not loaded_as(value) and type(meta) == "table" and loaded_as(meta) then
    subject = meta
  end
  local text = file_comment(subject)
  if #text > 0 then text[#text + 1] = "" end
  list_members(subject, text)
  if #text == 0 then return show.text(value) end
  return table.concat(text, "\n")
end

local function resolve(path, env)
  local value = env
  for key in path:gmatch "[^.:]+" do
    value = members.get(value, key)
    if value == nil then return nil end
  end
  return value
end

--- The text about a value, or about what a name stands for.
---@param what any
---@param env table  the session's globals
---@return string
function M.text(what, env)
  if what == nil then return M.overview end
  if type(what) == "string" then
    local value = resolve(what, env)
    if value == nil then
      return ("there is no '%s'"):format(what)
    end
    if type(value) == "string" then return show.text(value) end
    what = value
  end
  if type(what) == "function" then return of_function(what) end
  if tensor.is(what) then
    local text = { show.tensor(what), "" }
    list_members(what, text)
    return table.concat(text, "\n")
  end
  if type(what) == "table" then return of_table(what) end
  return type(what) .. " " .. show.text(what)
end

return M
