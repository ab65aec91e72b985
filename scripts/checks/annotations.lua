-- Every public Lua function says what it takes: a `---@param` per parameter,
-- and a `---@return` where it returns something. Public is what a module or
-- class of lua/ has under a name without a leading underscore. In a table
-- called `methods` the first parameter is the object. `forward` of a layer is
-- as nn/module.lua says.

package.path = "scripts/checks/?.lua;" .. package.path
local source = require "source"

local report = source.report "annotations"

-- The tags of the comment that ends just above the line.
local function tags_above(lines, number)
  local params, returns, comment = {}, false, false
  for n = number - 1, 1, -1 do
    local line = lines[n]
    if not line:find "^%-%-" then break end
    comment = true
    local param = line:match "^%-%-%-@param%s+([%w_.]+)"
    if param then params[param] = true end
    returns = returns or line:find "^%-%-%-@return" ~= nil
    if line:find "^%-%-%-@overload" or line:find "^%-%-%-@type" then
      returns = true
    end
  end
  return params, returns, comment
end

-- The lines from the head to the `end` in the first column.
local function returns_value(lines, number)
  for n = number, #lines do
    local line = lines[n]
    if n > number and line:find "^end" then return false end
    local value = line:match "^  return%s+(.+)" or
      line:match "^  %s+return%s+(.+)" or line:match "%sreturn%s+(.+)%s+end"
    if value and not value:find "^end" then return true end
    if n == number and line:find "%send%s*$" then return false end
  end
end

-- name, parameters of a public function whose head is this line.
local function public_head(line)
  local name, list = line:match "^function%s+([%w_]+[.:][%w_.:]+)%s*(%b())"
  if not name then
    name, list = line:match "^([%w_]+%.[%w_.]+)%s*=%s*function%s*(%b())"
  end
  if not name or name:find "[.:]_" or name:find "[.:]forward$" then
    return nil
  end
  local owner = name:match "^[%w_]+"
  if owner == "M" or owner == "methods" or owner:find "^%u" then
    return name, list
  end
end

for _, path in ipairs(source.files({ "lua" }, { "lua" })) do
  local lines = source.lines(path)
  for number, line in ipairs(lines) do
    local name, list = public_head(line)
    if name then
      local params, returns, comment = tags_above(lines, number)
      if name:find "^methods%." then list = list:gsub("[%w_]+", "self", 1) end
      if not comment then report.add(path, number, "%s: no comment", name) end
      for param in list:gmatch "[%w_.]+" do
        if param ~= "self" and param:sub(1, 1) ~= "_" and not params[param] then
          report.add(path, number, "%s: no ---@param %s", name, param)
        end
      end
      if not returns and returns_value(lines, number) then
        report.add(path, number, "%s: no ---@return", name)
      end
    end
  end
end
report.finish()
