--- `moon.train`: runs, their checkpoints, what they leave behind. A name is its
--- file here; reading a name loads it.
local files = {
  fit = "fit", resume = "resume", export = "export", import = "import",
  runs = "runs", Record = "record", report = "report",
}

return setmetatable({}, {
  __index = function(train, name)
    local file = files[name]
    if not file then return nil end
    local value = require("moonseed.train." .. file)
    rawset(train, name, value)
    return value
  end,
})
