-- Whether everything that can be reached is described, and nothing else is.

local entries = require "entry"
local made = require "made"

local M = {}

local function has_words(lines)
  for _, line in ipairs(lines) do
    if line:find "%S" then return true end
  end
  return false
end

local function check_entry(entry, report)
  if not has_words(entry.text) and not entry.usage then
    report.add(entry.path, entry.line, "%s: no description", entry.key)
  end
  for _, item in ipairs(entry.returns) do
    if item.type == "" then
      report.add(entry.path, entry.line, "%s: a ---@return without a type",
                 entry.key)
    end
  end
end

--- Complains about entries without a description and comments in made.lua for
--- what there is no more.
---@param sections table[]  see surface.lua
---@param report table      see scripts/checks/source.lua
function M.check(sections, report)
  for _, section in ipairs(sections) do
    if section.is_class and not has_words(section.text)
       and #section.fields == 0 then
      report.add("lua", 1, "%s: no description of the class", section.title)
    end
    if section.call and not has_words(section.text) then
      check_entry(section.call, report)
    end
    for _, entry in ipairs(section.entries) do check_entry(entry, report) end
  end
  for _, names in ipairs{ made.comments, made.types } do
    for key in pairs(names) do
      if not entries.used[key] then
        report.add("scripts/docs/made.lua", 1, "there is no %s", key)
      end
    end
  end
end

return M
