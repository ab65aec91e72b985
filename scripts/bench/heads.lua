--- What transformers are made of, each alone: attention and the products of
--- many matrices; forward, and forward with backward.
--
--   moonseed heads.lua THREADS
--
-- torch_heads.py has the same names.

local moon = require "moonseed"
local rounds = require "rounds"

local LEAST_MS = 60  -- for each number

-- heads tokens features: of a small model, of a ViT on 224 x 224, of one long
-- sequence.
local HEADS = { { 64, 64, 32 }, { 48, 197, 64 }, { 2, 2048, 64 } }
-- pairs rows inner columns
local PAIRS = { { 1024, 8, 8, 8 }, { 256, 64, 64, 64 }, { 16, 256, 256, 256 } }

-- Adds fn(unpack(inputs)) forward and with its gradients.
local function add_case(cases, name, fn, inputs)
  local dy = moon.randn(fn(unpack(inputs)):shape())
  cases[#cases + 1] = { name .. ":forward", function()
    return moon.no_grad(function()
      return rounds.queued_ms(function() return fn(unpack(inputs)) end, nil,
                              LEAST_MS)
    end)
  end }
  cases[#cases + 1] = { name .. ":both", function()
    return rounds.queued_ms(function()
      local own = {}
      for i, t in ipairs(inputs) do own[i] = t:detach():requires_grad() end
      local y = fn(unpack(own))
      y:backward(dy)
      y:dispose()
      return own[1].grad
    end, nil, LEAST_MS)
  end }
end

local function same(n, ...)
  local list = {}
  for i = 1, n do list[i] = moon.randn(...) end
  return list
end

local function causal(q, k, v)
  return moon.attention(q, k, v, { causal = true })
end

moon.set_threads(tonumber(arg[1]))
local cases = {}
for _, size in ipairs(HEADS) do
  local name, inputs = table.concat(size, "x"), same(3, unpack(size))
  add_case(cases, "attention:" .. name, moon.attention, inputs)
  add_case(cases, "causal:" .. name, causal, inputs)
end
for _, size in ipairs(PAIRS) do
  local n, rows, inner, columns = unpack(size)
  add_case(cases, "bmm:" .. table.concat(size, "x"), moon.bmm,
           { moon.randn(n, rows, inner), moon.randn(n, inner, columns) })
end

rounds.run(function(report)
  for _, case in ipairs(cases) do report(case[1], (case[2]())) end
end)
