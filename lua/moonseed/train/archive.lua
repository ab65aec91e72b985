--- What a checkpoint is written to and read from: tensors by name, and one
--- plain table, as one safetensors file that other tools can read. The table
--- goes as text in a u8 tensor, its numbers exact; JSON libraries print 14
--- digits. To seal it holds the loop's thread, so that all of it is of one
--- moment: long lists of numbers go as tensors (`put_numbers`), and what has
--- happened is frozen (codec.lua) and not copied.

local check = require "moonseed.check"
local codec = require "moonseed.seed.policy.codec"
local core = require "moonseed.ffi"
local file = require "moonseed.file"
local loop = require "moonseed.loop"
local moon = require "moonseed"
local read = require "moonseed.read"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local Archive = {}
Archive.__index = Archive

local TABLE = "moonseed.state"

---@return table  with `plain`, a table to fill
function Archive.new()
  return setmetatable({ plain = {}, tensors = {} }, Archive)
end

-- In moon.no_grad.
local function put(self, name, t)
  if self.tensors[name] then
    check.fail("checkpoint", "two tensors are called %s", name)
  end
  self.tensors[name] = t:clone():keep()
end

--- Takes a copy of a tensor as it is at this point of the stream; enqueues.
---@param name string
---@param t userdata
function Archive:put(name, t) self:put_all("", { [name] = t }) end

--- Takes copies of tensors by name, under `prefix`.
---@param prefix string
---@param tensors table<string, userdata>
function Archive:put_all(prefix, tensors)
  moon.no_grad(function()
    for name, t in pairs(tensors) do put(self, prefix .. name, t) end
  end)
end

--- A tensor by name, or nil.
---@param name string
---@return userdata|nil
function Archive:get(name) return self.tensors[name] end

--- The tensors whose names begin with `prefix`, without it.
---@param prefix string
---@return table<string, userdata>
function Archive:all(prefix)
  local found = {}
  for name, t in pairs(self.tensors) do
    if name:sub(1, #prefix) == prefix then
      found[name:sub(#prefix + 1)] = t
    end
  end
  return found
end

local extent = ffi.new "int64_t[1]"

-- A tensor of one dimension from `nbytes` of the host's.
local function vector(dtype, n, data, nbytes)
  extent[0] = n
  return tensor.call(C.moon_from_host, dtype, 1, extent, data, nbytes,
                     tensor.out):keep()
end

--- Takes a list of numbers as it is, as a tensor of f64.
---@param name string
---@param list number[]
function Archive:put_numbers(name, list)
  local n = #list
  local data = core.array("double[?]", math.max(n, 1))
  for i = 1, n do data[i - 1] = list[i] end
  self.tensors[name] = vector(C.MOON_F64, n, data, 8 * n)
end

--- A list of numbers as it was taken.
---@param name string
---@return number[]
function Archive:numbers(name)
  local t, list = self.tensors[name], {}
  local data = read.values(t)
  for i = 1, t:numel() do list[i] = data[i - 1] end
  return list
end

--- Keeps the plain table as it is now; what changes later is not in the file.
---@return table self
function Archive:seal()
  self.plain = codec.copy(self.plain)
  return self
end

local function give_way()
  if loop.overdue() then loop.yield() end
end

--- Writes the file of a sealed archive; suspends until it is there, whole and
--- synced, under its name.
---@param path string
---@return integer  bytes
function Archive:save(path)
  if not self.tensors[TABLE] then
    local text = codec.encode(self.plain, "the state", give_way)
    self.tensors[TABLE] = vector(C.MOON_U8, #text, text, #text)
  end
  return file.save(path, self.tensors)
end

--- Gives the copies back.
function Archive:dispose()
  for _, t in pairs(self.tensors) do t:dispose() end
  self.tensors = {}
end

--- Reads a file; suspends until it is there.
---@param path string
---@return table
function Archive.load(path)
  local tensors = file.load(path)
  local state = tensors[TABLE]
  if not state then
    check.fail("checkpoint", "%s holds no %s: not a checkpoint", path, TABLE)
  end
  local text = ffi.string(read.values(state), state:numel())
  local ok, plain = pcall(codec.decode, text)
  if not ok then
    check.fail("checkpoint", "%s: its state cannot be read: %s", path, plain)
  end
  tensors[TABLE] = nil
  return setmetatable({ plain = plain, tensors = tensors }, Archive)
end

return Archive
