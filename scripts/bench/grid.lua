--- Branches side by side, a chain of 3x3 convolutions each: all on one stream,
-- each on a stream of its own, and as the groups of one convolution.
--
--   moonseed grid.lua THREADS BRANCHES BATCHES CHANNELS SIZE DTYPE
--
-- BRANCHES, BATCHES: with commas. The grouped chain is given its input as one
-- tensor, and its output is left so: what joining costs is not in it.

local moon = require "moonseed"
local rounds = require "rounds"

-- Convolutions in a chain; turns that are timed as one.
local DEPTH, ROWS = 8, 10

moon.set_threads(tonumber(arg[1]))
local branches, batches = rounds.numbers(arg[2]), rounds.numbers(arg[3])
local channels, size, dtype = tonumber(arg[4]), tonumber(arg[5]), arg[6]
local options = moon.conv2d_params{ padding = 1 }

local streams = {}
for i = 1, math.max(unpack(branches)) do streams[i] = moon.streams():next() end

local function make_chain(batch, groups)
  local width = channels * groups
  local chain = {
    x = rounds.channels_last(moon.randn(batch, width, size, size)):to(dtype),
    options = groups == 1 and options or
      moon.conv2d_params{ padding = 1, groups = groups },
  }
  for i = 1, DEPTH do  -- values keep their size
    chain[i] = (moon.randn(width, channels, 3, 3) / (3 * channels ^ 0.5))
      :to(dtype)
  end
  return chain
end

local function run(chain)
  local y = chain.x
  for i = 1, DEPTH do
    local next_y = moon.conv2d(y, chain[i], nil, chain.options)
    if i > 1 then y:dispose() end
    y = next_y
  end
  y:dispose()
end

local function time(turn, chains)
  return rounds.median_ms(function()
    for _ = 1, ROWS do turn(chains) end
    moon.synchronize()
  end, moon.synchronize) / ROWS
end

local function one_stream(chains)
  for _, chain in ipairs(chains) do run(chain) end
end

local function own_streams(chains)
  for i, chain in ipairs(chains) do
    moon.on(streams[i], function() run(chain) end)
  end
end

local function measure(report, n, batch)
  local name, chains = ("%dx%d:"):format(n, batch), {}
  for i = 1, n do chains[i] = make_chain(batch, 1) end
  rounds.try(report, name .. "one_stream_ms", time, one_stream, chains)
  rounds.try(report, name .. "streams_ms", time, own_streams, chains)
  rounds.try(report, name .. "grouped_ms", function()
    return time(run, make_chain(batch, n))
  end)
end

rounds.run(function(report)
  for _, n in ipairs(branches) do
    for _, batch in ipairs(batches) do
      moon.no_grad(function()
        moon.tidy(function() measure(report, n, batch) end)
      end)
    end
  end
end)
