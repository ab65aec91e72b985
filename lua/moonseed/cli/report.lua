--- `moonseed report`: writes the page of runs.
local argparse = require "argparse"
local report = require "moonseed.train.report"

local parser = argparse("moonseed report",
                        "Writes one self-contained HTML file about runs.")
parser:argument("runs", "Folders with a record.jsonl, or records."):args("+")
parser:option("--out", "The file; report.html beside the first record.")
parser:option("--trace", "Also a trace of the streams, for ui.perfetto.dev.")

--- Runs the command.
---@param arguments string[]  "report" first
---@return integer exit status
return function(arguments)
  local ok, given = parser:pparse{ unpack(arguments, 2) }
  if not ok then
    io.stderr:write("moonseed report: ", given, "\n", parser:get_usage(), "\n")
    return 2
  end
  local done, found = pcall(report.write, given)
  if not done then
    io.stderr:write("moonseed: ", tostring(found), "\n")
    return 1
  end
  print(("%s: %.1f kB"):format(found.out, found.nbytes / 1e3))
  if found.trace then print(found.trace) end
  return 0
end
