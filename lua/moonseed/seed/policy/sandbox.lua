--- What a policy sees: copies of the safe libraries, its own random numbers,
--- and the helpers `life` and `bandit`. It contains mistakes, not attackers.
--
-- A policy has: assert error ipairs next pairs pcall print rawequal rawget
-- rawset select tonumber tostring type unpack getmetatable setmetatable,
-- bit, math (random is the host's, seeded by rng_seed; no randomseed), string
-- (no dump), table; life and bandit (see their files). `pairs` goes through
-- numbers ascending, then strings by their bytes. Assigning a global raises,
-- and so does reading one that is not there.
-- Uses nothing of moonseed: a policy's thread loads it.

local bandit = require "moonseed.seed.policy.bandit"
local life = require "moonseed.seed.policy.life"
local limit = require "moonseed.seed.policy.limit"
local random = require "moonseed.seed.policy.random"

local M = {}

local functions = { "assert", "error", "ipairs", "next", "rawequal", "rawget",
  "rawset", "select", "tonumber", "tostring", "type", "unpack",
  "getmetatable", "setmetatable" }

local function copy(t)
  local result = {}
  for key, value in next, t do result[key] = value end
  return result
end

local rank = { number = 1, string = 2 }

-- Keys of other types come last, in no order.
local function before(a, b)
  local rank_a, rank_b = rank[type(a)] or 3, rank[type(b)] or 3
  if rank_a ~= rank_b then return rank_a < rank_b end
  return rank_a < 3 and a < b
end

-- The same order in every process: a table's own depends on its past.
local function ordered_pairs(t)
  local keys, i = {}, 0
  for key in next, t do keys[#keys + 1] = key end
  table.sort(keys, before)
  return function()
    local key, value
    repeat
      i = i + 1
      key = keys[i]
      if key == nil then return nil end
      value = t[key]
    until value ~= nil  -- removed meanwhile
    return key, value
  end
end

local function print_error(name)
  return function(...)
    local texts = {}
    for i = 1, select("#", ...) do texts[i] = tostring((select(i, ...))) end
    io.stderr:write(name, ": ", table.concat(texts, "\t"), "\n")
  end
end

local function no_global(_, key)
  error(("there is no global '%s' in a policy"):format(tostring(key)), 2)
end

local function no_assignment(_, key)
  error(("'%s' is not local; what a policy remembers belongs in its state")
    :format(tostring(key)), 2)
end

--- The globals of a policy.
---@param path string       names the policy where it prints (to stderr)
---@param words integer[]  the state of its random numbers; drawing changes it
---@return table
function M.globals(path, words)
  local env = { pcall = limit.pcall, pairs = ordered_pairs,
                print = print_error(path), bit = copy(require "bit"),
                math = copy(math), string = copy(string), table = copy(table) }
  for _, name in ipairs(functions) do env[name] = _G[name] end
  env.math.random, env.math.randomseed = random.generator(words), nil
  env.string.dump = nil
  env.life, env.bandit = copy(life), bandit.new(env.math.random)
  env._G = env
  getmetatable("").__metatable = false
  return setmetatable(env, { __index = no_global, __metatable = false,
                             __newindex = no_assignment })
end

--- Compiles a policy's text; bytecode is refused.
---@param source string
---@param path string   for error messages
---@param env table     from M.globals
---@return function|nil
---@return string|nil why not
function M.compile(source, path, env)
  return load(source, "@" .. path, "t", env)
end

return M
