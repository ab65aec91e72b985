-- What a run has put on the disk when it says that a checkpoint is there.

local files = require "support.files"
local gardens = require "support.garden"
local moon = require "moonseed"
local task = require "support.task"
local checkpoint = require "moonseed.train.checkpoint"
local uv = require "luv"

describe("a checkpoint", function()
  local folder, remove
  local link, fsync = uv.fs_link, uv.fs_fsync

  before_each(function() folder, remove = files.folder() end)
  after_each(function()
    uv.fs_link, uv.fs_fsync = link, fsync
    remove()
  end)

  local function fit(options)
    moon.manual_seed(3)
    local model = gardens.model()
    local o = { model, train = gardens.data(96), valid = gardens.data(32),
                epochs = 3, batch = 32, quiet = true, out = folder,
                optim = moon.optim.SGD{ model, lr = 0.05 }, rng_seed = 5 }
    for name, value in pairs(options or {}) do o[name] = value end
    return moon.train.fit(o)
  end

  for _, code in ipairs{ "EPERM", "EOPNOTSUPP", "EXDEV", "EMLINK" } do
    it("has a best where links fail with " .. code, task(function()
      uv.fs_link = function(path, new)
        return nil, ("%s: %s -> %s"):format(code, path, new), code
      end
      local best
      local run = fit{ on_event = function(kind, event)
        assert.are_not.equal("checkpoint_failed", kind)
        if event.best then
          best = files.read(event.path)
          assert.is_true(best == files.read(folder .. "/best.safetensors"))
        end
      end }
      run:await()
      assert.is_true(best == files.read(folder .. "/best.safetensors"))
      for _, name in ipairs(files.names(folder)) do
        assert.is_nil(name:find "%.new$", name)
      end
    end))
  end

  it("comes after the record of what was before it", task(function()
    local kept, synced, list = 0, 0, {}
    uv.fs_fsync = function(fd, done)
      return fsync(fd, function(why)
        local text = files.read(folder .. "/record.jsonl")
        synced = synced + 1
        for step in text:gmatch '"scalar":"loss","step":(%d+)' do
          kept = math.max(kept, tonumber(step))
        end
        done(why)
      end)
    end
    fit{ every = 1, on_event = function(kind, event)
      if kind == "checkpoint" then list[#list + 1] = { event.step, kept } end
    end }:await()
    assert.equal(9, #list)
    assert.equal(10, synced)  -- once more when it is closed
    for _, entry in ipairs(list) do  -- losses are read four steps late
      assert.is_true(entry[2] >= entry[1] - 4, entry[1])
    end
  end))

  it("is made though the record's disk keeps nothing", task(function()
    uv.fs_fsync = function(_, done)
      local timer = uv.new_timer()
      timer:start(1, 0, function()
        timer:close()
        done "EIO: stub"
      end)
    end
    local capture = require "support.capture"
    local said = capture.stderr(function() fit{ epochs = 1 }:await() end)
    assert.matches("fsync: EIO: stub", said)
    assert.equal(1, #checkpoint.list(folder))
  end))
end)
