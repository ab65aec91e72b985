-- moon.capture: a replay is the step, in every bit.

local bits = require "support.bits"
local moon = require "moonseed"
local steps = require "support.steps"
local task = require "support.task"
local nn, optim = moon.nn, moon.optim

local captures = {}  -- those that a program has made

local function plain(fn) return fn end

local function captured(fn)
  local step = moon.capture(fn)
  captures[#captures + 1] = step
  return step
end

-- What a program leaves, from the same random numbers.
local function run(program, wrap)
  moon.manual_seed(7)
  captures = {}
  return program(wrap)
end

local function replays()
  local n = 0
  for _, step in ipairs(captures) do n = n + step:stats().replayed end
  return n
end

local function same(expected, got)
  for name, value in pairs(expected) do
    assert(got[name] == value, name .. " differs")
  end
  for name in pairs(got) do assert.not_nil(expected[name], name) end
end

describe("capture", function()
  for name, program in pairs(steps.programs) do
    it("has the bits of an eager step: " .. name, task(function()
      same(run(program, plain), run(program, captured))
      assert.is_true(replays() >= 10)
    end))
  end
end)
