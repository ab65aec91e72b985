-- What the checks share: the source files, and a report of what is wrong.

local M = {}

--- Paths of the source files with one of the extensions, sorted.
---@param folders string[]
---@param extensions string[] without the dot
---@return string[]
function M.files(folders, extensions)
  local wanted, found = {}, {}
  for _, extension in ipairs(extensions) do wanted[extension] = true end
  local list = io.popen("find " .. table.concat(folders, " ") .. " -type f")
  for path in list:lines() do
    if wanted[path:match "%.([%w_]+)$" or ""] then found[#found + 1] = path end
  end
  list:close()
  table.sort(found)
  return found
end

---@param path string
---@return string[] lines
function M.lines(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

--- Collects complaints; `finish` prints them and ends the process.
---@param name string of the check
---@return table report with `add(path, line, format, ...)` and `finish()`
function M.report(name)
  local report, n = {}, 0

  function report.add(path, line, format, ...)
    n = n + 1
    print(("%s:%d: %s"):format(path, line, format:format(...)))
  end

  function report.finish()
    if n > 0 then print(("%s: %d complaints"):format(name, n)) end
    os.exit(n == 0)
  end

  return report
end

return M
