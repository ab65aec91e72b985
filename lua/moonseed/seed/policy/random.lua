--- A policy's random numbers: xoshiro128++ (Blackman and Vigna 2021) on four
--- 32-bit words, which are all of its state. Seeded through the finaliser of
--- MurmurHash3 on a Weyl sequence, as splitmix32 does.
-- Uses nothing of moonseed: a policy's thread loads it.

local bit = require "bit"
local band, bxor, lshift, rshift, rol, tobit =
  bit.band, bit.bxor, bit.lshift, bit.rshift, bit.rol, bit.tobit

local M = {}

-- a b mod 2^32: no product here reaches 2^53.
local function multiply(a, b)
  local low, high = band(a, 0xffff), rshift(a, 16)
  return tobit(tobit(low * b) + lshift(tobit(high * b), 16))
end

local function mix(x)
  x = multiply(bxor(x, rshift(x, 16)), 0x85ebca6b)
  x = multiply(bxor(x, rshift(x, 13)), 0xc2b2ae35)
  return bxor(x, rshift(x, 16))
end

--- The state for a seed: four signed 32-bit numbers.
---@param rng_seed integer  in [0, 2^53]
---@return integer[]
function M.new(rng_seed)
  local low, high = rng_seed % 2 ^ 32, math.floor(rng_seed / 2 ^ 32)
  local words, at = {}, mix(tobit(high))
  for i = 1, 4 do
    at = tobit(at + 0x9e3779b9)
    words[i] = mix(bxor(at, tobit(low)))
  end
  return words
end

-- The next word, in [0, 2^32).
local function draw(s)
  local a, b, c, d = s[1], s[2], s[3], s[4]
  local result = tobit(rol(tobit(a + d), 7) + a)
  local t = lshift(b, 9)
  c, d = bxor(c, a), bxor(d, b)
  b, a = bxor(b, c), bxor(a, d)
  s[1], s[2], s[3], s[4] = a, b, bxor(c, t), rol(d, 11)
  return result % 2 ^ 32
end

--- A number in [0, 1), a multiple of 2^-53; the state moves on.
---@param words integer[]
---@return number
function M.uniform(words)
  local high, low = rshift(draw(words), 5), rshift(draw(words), 6)
  return (high * 2 ^ 26 + low) / 2 ^ 53
end

--- A function in the manner of math.random that draws from `words`.
---@param words integer[]
---@return fun(low: integer?, high: integer?): number
function M.generator(words)
  return function(low, high)
    local u = M.uniform(words)
    if not low then return u end
    if not high then low, high = 1, low end
    if low > high then
      error(("math.random: nothing between %g and %g"):format(low, high), 2)
    end
    return low + math.floor(u * (high - low + 1))
  end
end

return M
