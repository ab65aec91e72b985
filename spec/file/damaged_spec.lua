local moon = require "moonseed"
local file = require "moonseed.file"
local files = require "support.files"
local task = require "support.task"
local uv = require "luv"

-- Reads a file, everything in it, and returns the error.
local function refusal(path)
  local ok, why = pcall(function()
    for _, t in pairs((file.read(path))) do t:await() end
  end)
  assert.is_false(ok, path .. " is read")
  return tostring(why)
end

describe("a damaged file", function()
  local folder, remove

  setup(function() folder, remove = files.folder() end)
  teardown(function() remove() end)

  local function refuses(bytes, pattern)
    local path = files.write(folder .. "/x.safetensors", bytes)
    assert.matches("load: " .. path:gsub("%p", "%%%0") .. ": " .. pattern,
      refusal(path))
  end

  for _, kind in ipairs{ "idx", "safetensors", "npy", "npz", "png", "jpeg" } do
    it("of the " .. kind .. " corpus is read or refused as named", task(
      function()
        local corpus = "spec/fuzz/corpus/" .. kind
        for _, name in ipairs(files.names(corpus)) do
          local path = corpus .. "/" .. name
          if name:find "^bad" then
            assert.matches("^.-load: " .. path:gsub("%p", "%%%0") .. ": .",
              refusal(path))
          else
            for _, t in pairs((file.read(path))) do t:await() end
          end
        end
      end))
  end

  it("that is cut short says both sizes", task(function()
    refuses("\0\0\8\1\0\0\0\5abcd",
      "cut short: the header states 13 bytes, the file has 12")
  end))

  it("whose gzip is cut short says where", task(function()
    local whole = files.read "spec/fuzz/corpus/idx/good-u8.gz"
    refuses(whole:sub(1, -9), "gzip cut short: ends after %d+ bytes")
  end))

  it("that states more than gzip can hold is refused at once", task(
    function()
      local before = moon.stats().allocated_bytes
      local why = refusal "spec/fuzz/corpus/idx/bad-bomb.gz"
      assert.matches("states 100000000016 bytes, more than 54 bytes of gzip "
        .. "can hold", why)
      assert.equal(before, moon.stats().allocated_bytes)
    end))

  it("whose shape overflows is refused", task(function()
    refuses("\0\0\8\3" .. ("\255"):rep(12),
      "the shape has more than 2%^48 elements")
  end))

  it("with a tensor over the memory limit is an error of memory", task(
    function()
      local path = folder .. "/huge.idx"
      files.write(path, "\0\0\8\2\0\1\0\0\0\1\0\0")
      local handle = assert(uv.fs_open(path, "r+", 420))
      assert(uv.fs_ftruncate(handle, 12 + 2 ^ 32))
      assert(uv.fs_close(handle))
      local limit = moon.stats().limit_bytes
      moon.set_memory_limit(2 ^ 30)
      local why = refusal(path)
      moon.set_memory_limit(limit)
      assert.matches("4294967296", why)
    end))

  it("that is a folder, or not there, or a pipe says so", task(function()
    assert.matches("load: .-: is a folder", refusal(folder))
    assert.matches("load: .-: No such file", refusal(folder .. "/none"))
    local pipe = folder .. "/pipe"
    assert.equal(0, os.execute("mkfifo " .. pipe))
    assert.matches("load: .-: is no plain file", refusal(pipe))
  end))

  it("that is text says so", task(function()
    assert.matches("no safetensors file: states a header of %d+ bytes",
      refusal "README.md")
  end))

  it("leaves nothing in flight", task(function()
    refusal "spec/fuzz/corpus/idx/bad-gzip-checksum"
    moon.synchronize()
    assert.equal(0, moon.stats().in_flight)
  end))
end)

describe("a safetensors file of ours", function()
  -- But for the checksum's name: without it a file has none.
  it("is refused when any byte of it was altered", task(function()
    local folder, remove = files.folder()
    local path = folder .. "/t.safetensors"
    moon.save(path, { a = moon.randn(3, 5), b = moon.arange(4),
                      c = moon.tensor({ 1, 0 }, { dtype = "bool" }) })
    local bytes = files.read(path)
    assert.is_table(moon.load(path))
    local word = bytes:find("moonseed.crc32", 1, true)
    for at = 1, #bytes do
      local other = string.char((bytes:byte(at) + 1) % 256)
      files.write(path, bytes:sub(1, at - 1) .. other .. bytes:sub(at + 1))
      local in_word = at >= word and at < word + 14
      assert.equal(in_word, (pcall(moon.load, path)), at)
    end
    files.write(path, bytes:sub(1, -2) .. "\127")
    assert.error_matches(function() moon.load(path) end,
      "altered since it was written: its checksum is %x+, the header states")
    remove()
  end))
end)
