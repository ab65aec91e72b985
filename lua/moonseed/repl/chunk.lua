--- What was typed, as Lua: complete, wanting more rows, or wrong.

local M = {}

--- Its arguments: what a compiled line is called with.
---@param ... any
---@return any ...
function M.pass(...) return ... end

-- Whether a statement cannot even begin so: then it is a wrong expression.
local function is_at_start(why, text)
  local token = why:match "near '(.-)'$"
  return token ~= nil and text:match("^%s*(.*)"):sub(1, #token) == token
end

-- The end came too early; but a string in quotes ends in its own row.
local function wants_more(why)
  return why:find "'<eof>'$" ~= nil and not why:find "unfinished string"
end

--- Whether its values are not to be shown: it ends in a semicolon.
---@param text string
---@return boolean
function M.is_silent(text)
  return text:find ";%s*$" ~= nil
end

-- `return f(x)` would be a tail call, and the line missing from the traceback.
-- So the values are those of a call `pass(f(x))`; pass is the chunk's argument.
local function as_expression(text, name)
  local fn, why = loadstring("return " .. text, "=" .. name)
  if not fn then return nil, why end
  local values = text:gsub("%s*;%s*$", "")
  local last = values:find("--", 1, true) and "\n)" or ")"
  return loadstring("return (...)(" .. values .. last, "=" .. name) or fn
end

--- Compiles a line; as an expression first, so that values are returned. It is
--- interpreted, never compiled to machine code: there Ctrl-C would not reach a
--- loop without ops. Call it with M.pass.
---@param text string
---@param name string  of the chunk, for errors
---@param env table    its globals
---@return function|nil, string|nil, boolean|nil  or why not, and whether more
---                                               rows could mend it
function M.compile(text, name, env)
  if text:byte(1) == 27 then return nil, name .. ": bytecode", false end
  text = text:gsub("^%s*=", "return ")
  local fn, why = as_expression(text, name)
  if not fn then
    local first_why = why
    fn, why = loadstring(text, "=" .. name)
    if not fn then
      return nil, is_at_start(why, text) and first_why or why,
        wants_more(why) or wants_more(first_why)
    end
  end
  jit.off(fn, true)
  return setfenv(fn, env)
end

return M
