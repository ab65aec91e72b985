-- Pages whose code runs. In a page's ```lua blocks, taken together as one
-- script, `--> text` says what is printed: one line of output each, in order.
-- A block whose fence names a file, ```lua policy.lua, is that file.

local files = require "support.files"
local shell = require "support.shell"

local M = {}

-- What differs in a report: blanks are one blank.
local function squeeze(text)
  return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

--- The parts of a page. The code has an empty line for each that is none, so
--- that errors name the page's lines.
---@param text string
---@return table  code, files (text by name), expected ({ line, text }, ...)
function M.parse(text)
  local page = { files = {}, expected = {} }
  local code, n, name, inside = {}, 0, nil, false
  for line in (text:gsub("\n?$", "\n")):gmatch "(.-)\n" do
    n = n + 1
    local kept = ""
    if line:find "^```" then
      inside = not inside and line:find "^```lua" ~= nil
      name = inside and line:match "^```lua%s+(%S+)"
      if name then page.files[name] = "" end
    elseif name then
      page.files[name] = page.files[name] .. line .. "\n"
    elseif inside then
      kept = line
      local stated = line:match "%-%-> ?(.*)$"
      if stated then
        table.insert(page.expected, { line = n, text = squeeze(stated) })
      end
    end
    code[n] = kept
  end
  page.code = table.concat(code, "\n")
  return page
end

--- Runs a page in a folder of its own, as a script of moonseed.
---@param path string
---@return string output
---@return integer status
---@return table page  see parse
function M.run(path)
  local page = M.parse(files.read(path))
  local folder, remove = shell.folder()
  local script = path:match "[^/]+$"
  files.write(folder .. "/" .. script, page.code)
  for name, text in pairs(page.files) do
    files.write(folder .. "/" .. name, text)
  end
  local output, status = shell.run(([[
    root=$PWD
    BUILD=$(readlink -f "${BUILD:-build}")
    export BUILD
    cd '%s' && "$root/scripts/moonseed" %s]]):format(folder, script))
  remove()
  return output, status, page
end

--- Where the output is not what the page says; nil if it is.
---@param page table
---@param output string
---@return string|nil
function M.compare(page, output)
  local n = 0
  for line in output:gmatch "[^\n]+" do
    n = n + 1
    local stated = page.expected[n]
    if not stated then return "not stated: " .. line end
    if squeeze(line) ~= stated.text then
      return ("line %d states\n  %s\nand what was printed is\n  %s"):format(
        stated.line, stated.text, squeeze(line))
    end
  end
  local missing = page.expected[n + 1]
  if missing then
    return ("line %d states %s, nothing was printed"):format(missing.line,
                                                             missing.text)
  end
end

return M
