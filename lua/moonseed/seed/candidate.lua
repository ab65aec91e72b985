--- What takes part in a tournament: a blueprint's module that learns as an
--- incubating seed does, but grows nowhere. What goes wrong in it is its own.

local blueprint = require "moonseed.seed.blueprint"
local context = require "moonseed.context"
local cost = require "moonseed.nn.cost"
local Incubator = require "moonseed.seed.incubator"
local loop = require "moonseed.loop"
local moon = require "moonseed"
local Seed = require "moonseed.seed.seed"

local LATE = 4  -- steps until a failure is looked for

local Candidate = {}
Candidate.__index = Candidate

-- As seeds do: on its stream, if it has one, with its own generator.
Candidate.apart = Seed.apart

function Candidate:__tostring() return self.blueprint end

-- Calls fn(...); what it raises is the candidate's end, unless the program or
-- the task is being ended.
local function attempt(self, fn, ...)
  local ok, a, b = pcall(fn, ...)
  if ok then return a, b end
  local why = tostring(a)
  if loop.running.stopped ~= nil or why:find "interrupted$" then error(a, 0) end
  self.failed = self.failed or why
end

--- As Seed:try.
Candidate.try = attempt

-- Heads begin with the same values in all candidates.
local function build(self, options)
  local h = options.features
  self.module = context.isolated(self.generator, blueprint.build,
                                 self.blueprint, h)
  self.cost = cost.of(self.module, h:shape())
  self.place = { h:device(), h:dtype() }
  local own = self.generator
  self.generator = context.generator_state(options.rng_seed)
  self.incubator = Incubator.new(self, h:shape(), options.incubation)
  self.generator = own
end

--- The i-th of a tournament. A blueprint that cannot be built here makes one
--- that has `failed`, a text, already.
---@param name string     of the blueprint
---@param i integer
---@param options table  features of the host; incubation, see
---                      Incubator.options; rng_seed; concurrent; measures, a
---                      row each
---@return table
function Candidate.new(name, i, options)
  local self = setmetatable({
    blueprint = name, index = i, row = i, measures = options.measures,
    generator = context.generator_state(options.rng_seed * 7919 + i),
    stream = options.concurrent and moon.streams():next() or nil,
    batches = 0, losses = {},
  }, Candidate)
  attempt(self, build, self, options)
  return self
end

--- One step; enqueues.
---@param h userdata  features, detached
---@param y userdata  labels
function Candidate:learn(h, y)
  if self.failed then return end
  attempt(self, self.incubator.step, self.incubator, h, y)
  self.failed = self.failed or self.measures:failure(self.row, LATE)
  self.batches = self.batches + 1
end

--- Queues the loss on what nobody learned from, for `settle`.
---@param h userdata
---@param y userdata
---@return userdata|nil loss  to be kept until then
function Candidate:judge(h, y)
  if self.failed then return end
  local loss = attempt(self, self.apart, self, self.incubator.measure,
                       self.incubator, h, y)
  self.losses[#self.losses + 1] = { value = loss, n = h:size(1) }
  return loss
end

local function mean(losses)
  local sum, n = 0, 0
  for _, loss in ipairs(losses) do
    sum, n = sum + loss.value:item() * loss.n, n + loss.n
  end
  return sum / n
end

--- The mean of the losses since the last call; waits for them. One that is no
--- finite number, and an op that failed since the beginning, are the
--- candidate's end.
---@return number|nil
function Candidate:settle()
  local losses = self.losses
  self.losses, self.loss = {}, nil
  local loss = not self.failed and attempt(self, mean, losses)
  if not loss then return nil end
  if self.measures:errors(self.row) > 0 then
    self.failed = self.measures:failure(self.row, 0) or "an op of it failed"
  elseif loss - loss ~= 0 then
    self.failed = ("its loss is %g"):format(loss)
  else
    self.loss = loss
  end
  return self.loss
end

return Candidate
