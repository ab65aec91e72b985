--- Batches of one epoch, assembled ahead of time on a stream of their own.
--
--   for x, y in train:batches{ 128, shuffle = true } do ... end
--
-- Each call is a new epoch, with another order and other augmentation. Which,
-- the running task's generator says (moon.manual_seed); or, with rng_seed,
-- that number and how many epochs of this data set used it before (or the
-- option `epoch`, from 1).
local augment = require "moonseed.data.augment"
local check = require "moonseed.check"
local context = require "moonseed.context"
local core = require "moonseed.ffi"
local order = require "moonseed.data.order"
local pace = require "moonseed.pace"
local recorded = require "moonseed.recorded"
local rows = require "moonseed.data.rows"
local wait = require "moonseed.wait"
local C, ffi, live = core.C, core.ffi, context.live

local BEHIND = 4  -- batches handed out whose work may be unfinished

local known = {
  shuffle = false,   -- a random order
  weights = check.optional,  -- how often each example is drawn
  samples = check.optional,  -- how many are drawn
  flip = false,      -- mirror each image with probability 1/2
  crop = 0,          -- shift each image by up to so many pixels
  drop_last = false, -- leave out a last batch that is not full
  rng_seed = check.optional,
  epoch = check.optional,
  ahead = 2,         -- batches under way beyond the one handed out
  skip = 0,          -- batches at the beginning that are left out
}
for _, name in ipairs(augment.order) do known[name] = check.optional end

local function read_weights(dataset, o)
  o.weights = order.weights(dataset, o.weights)
  if o.samples and not o.weights then
    check.fail("batches", "samples means nothing without weights")
  elseif o.weights and o.shuffle then
    check.fail("batches", "weights draw in random order; without shuffle")
  end
  o.samples = check.count("batches", "samples", o.samples or #dataset)
end

local function read_options(dataset, options)
  local o = check.options("batches", options, { "size" }, known)
  check.count("batches", "size", o.size, 1)
  check.count("batches", "crop", o.crop)
  check.count("batches", "ahead", o.ahead)
  check.count("batches", "skip", o.skip)
  check.boolean("batches", "shuffle", o.shuffle)
  check.boolean("batches", "flip", o.flip)
  check.boolean("batches", "drop_last", o.drop_last)
  if o.rng_seed then check.count("batches", "rng_seed", o.rng_seed) end
  if o.epoch then
    check.count("batches", "epoch", o.epoch, 1)
    if not o.rng_seed then
      check.fail("batches", "epoch means nothing without rng_seed")
    end
  end
  read_weights(dataset, o)
  return o
end

local function generator(dataset, o)
  if not o.rng_seed then return rows.fresh_generator() end
  local epochs = dataset.epochs
  local epoch = o.epoch or (epochs[o.rng_seed] or 0) + 1
  epochs[o.rng_seed] = epoch
  return rows.generator(o.rng_seed, epoch)
end

-- x and y of the batch that begins at `start`. Images are mirrored and shifted
-- where they are picked; the other steps follow one by one.
local function assemble(epoch, start)
  local length = math.min(epoch.size, epoch.n - start)
  local pick = rows.slice(epoch.pick, start, length)
  local x, y = rows.read(epoch.dataset, pick,
                         { params = epoch.params, position = start })
  if epoch.steps then
    local at = ffi.new("moon_place", { epoch.params.key, start })
    for _, step in ipairs(epoch.steps) do x, y = step(x, y, at) end
  end
  return { x, y }
end

local function open(dataset, o)
  local classes = dataset.classes and #dataset.classes
  local steps = augment.steps(o, classes)
  local params = ffi.new("moon_batch_params", { flip = o.flip and 1 or 0,
                                                crop = o.crop })
  dataset.source.check(dataset.source, params)
  local task = generator(dataset, o)
  params.key = rows.key(task)
  local n = o.weights and o.samples or #dataset
  if o.drop_last then n = n - n % o.size end
  local pick = rows.apart(task, rows.stream(), order.pick, dataset, o)
  if dataset.source.on_host then rows.list(pick) end
  return { dataset = dataset, task = task, params = params, n = n,
           size = o.size, events = {}, handed = 0, stream = rows.stream(),
           steps = steps, pick = pick }
end

-- A loop that reads nothing would queue all of its work at once. So the device
-- finishes what was queued before the batch BEHIND places back.
local function hold_back(epoch)
  local events, k = epoch.events, epoch.handed + 1
  epoch.handed = k
  events[k] = C.moon_stream_event(live.rt, live.stream)
  local oldest = events[k - BEHIND]
  events[k - BEHIND] = nil
  if oldest then wait.event(oldest) end
  pace.pause()
end

--- batches{ size, shuffle = false, weights, samples, flip = false, crop = 0,
---          affine, jitter, normalise, cutout, mixup, drop_last = false,
---          rng_seed, epoch, ahead = 2, skip = 0 }
---@param dataset userdata
---@param options table
---@return fun(): userdata?, userdata? x and y of the next batch
return function(dataset, options)
  local o = read_options(dataset, options)
  local epoch = open(dataset, o)
  local ready, first, last = {}, 1, 0  -- a queue
  local start = o.skip * o.size        -- of the next batch to assemble
  return function()
    recorded.refuse("batches", "give the batch as arguments")
    hold_back(epoch)
    while start < epoch.n and last - first < o.ahead do
      last = last + 1
      ready[last] = rows.apart(epoch.task, epoch.stream, assemble, epoch,
                               start)
      start = start + epoch.size
    end
    local batch = ready[first]
    if not batch then return nil end
    ready[first] = nil
    first = first + 1
    return batch[1], batch[2]
  end
end
