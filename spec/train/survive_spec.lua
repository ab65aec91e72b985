-- A run that is killed again and again ends as one that was not.

local files = require "support.files"
local uv = require "luv"

local EPOCHS, KILLS = 14, os.getenv "MOONSEED_SOAK" and 200 or 20

local policy = [[
local policy = { name = "lively", version = 1 }
function policy.init() return { asked = 0 } end
function policy.decide(state, view)
  state.asked = state.asked + 1
  local actions = life.advance(view, life.options())
  for _, slot in ipairs(life.free(view, life.options())) do
    if math.random() < 0.6 then
      actions[#actions + 1] = life.plant(slot,
        view.blueprints[math.random(#view.blueprints)], "a throw")
    end
  end
  return actions
end
return policy
]]

-- Starts a life in the folder; kills it after ms, unless nil. Returns what it
-- printed, and whether it was killed.
local function live(folder, ms, optimiser)
  local out = folder .. "/out.txt"
  local fd = uv.fs_open(out, "w", 420)
  local ended, killed = false, false
  local handle = assert(uv.spawn("scripts/moonseed", {
    args = { "spec/support/survivor.lua", folder, tostring(EPOCHS),
             optimiser },
    stdio = { nil, fd, fd },
  }, function() ended = true end))
  local timer = ms and uv.new_timer()
  if timer then
    timer:start(ms, 0, function()
      killed = not ended
      if killed then handle:kill "sigkill" end
    end)
  end
  while not ended do uv.run "once" end
  if timer then timer:close() end
  handle:close()
  uv.run "nowait"
  uv.fs_close(fd)
  return files.read(out), killed
end

local function new_folder()
  local folder, remove = files.folder()
  files.write(folder .. "/policy.lua", policy)
  return folder, remove
end

local function digest_of(text)
  return text:match "digest ([^\n]+)" or error(text, 0)
end

describe("a run that is killed", function()
  it("at random moments ends with the same bits", function()
    local folder, remove = new_folder()
    local start = uv.hrtime()
    local undisturbed = digest_of(live(folder))
    local whole_ms = (uv.hrtime() - start) / 1e6
    remove()
    math.randomseed(17)
    local kills, runs = 0, 0
    while kills < KILLS do
      folder, remove = new_folder()
      local killed
      repeat
        local text
        text, killed = live(folder, math.random(20, math.floor(whole_ms)))
        if killed then
          kills = kills + 1
        else
          assert.equal(undisturbed, digest_of(text))
          runs = runs + 1
        end
      until not killed or kills >= KILLS
      if killed then
        assert.equal(undisturbed, digest_of(live(folder)))
        runs = runs + 1
      end
      for _, name in ipairs(files.names(folder)) do
        assert.is_nil(name:find "tmp", name)
      end
      remove()
    end
    assert.is_true(runs > 0)
  end)

  for _, name in ipairs{ "AdamW", "RMSprop", "Lion", "Muon" } do
    it("ends with the same bits by " .. name, function()
      local folder, remove = new_folder()
      local start = uv.hrtime()
      local undisturbed = digest_of(live(folder, nil, name))
      local whole_ms = (uv.hrtime() - start) / 1e6
      remove()
      folder, remove = new_folder()
      for _, part in ipairs{ 0.6, 0.3 } do
        live(folder, math.floor(part * whole_ms), name)
      end
      assert.equal(undisturbed, digest_of(live(folder, nil, name)))
      remove()
    end)
  end
end)
