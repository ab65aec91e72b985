--- Eight small convolutions (4 x 32 x 8 x 8, 3x3, 32 channels): on a stream
-- each, and in a row on one.
--
--   moonseed branches.lua THREADS

local moon = require "moonseed"
local rounds = require "rounds"

local BRANCHES = 8

moon.set_threads(tonumber(arg[1]))
local x, w, streams = {}, {}, {}
local options = moon.conv2d_params{ padding = 1 }
for i = 1, BRANCHES do
  x[i] = rounds.channels_last(moon.randn(4, 32, 8, 8))
  w[i] = moon.randn(32, 32, 3, 3)
  streams[i] = moon.streams():next()
end

local y, at = {}, 1
local function conv()
  y[at] = moon.conv2d(x[at], w[at], nil, options)
end

-- Results go at once, see conv.lua.
local function go()
  for i = 1, BRANCHES do y[i]:dispose() end
end

local function side_by_side()
  for i = 1, BRANCHES do
    at = i
    moon.on(streams[i], conv)
  end
  for i = 1, BRANCHES do y[i]:await() end
  go()
end

local function in_a_row()
  for i = 1, BRANCHES do
    at = i
    conv()
  end
  y[BRANCHES]:await()
  go()
end

rounds.run(function(report)
  moon.no_grad(function()
    report("branches:eight_streams_ms", rounds.median_ms(side_by_side))
    report("branches:one_stream_ms", rounds.median_ms(in_a_row))
  end)
end)
