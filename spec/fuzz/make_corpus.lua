-- Writes the corpora of the fuzz targets: `luajit spec/fuzz/make_corpus.lua`
-- from the root of the repository. good-* must be read, bad-* refused.

local folder = "spec/fuzz/corpus/"

local function write(path, bytes)
  local file = assert(io.open(folder .. path, "wb"))
  file:write(bytes)
  file:close()
end

local function gzip(path)
  assert(os.execute("gzip -n -9 -f -k " .. folder .. path) == 0)
  return assert(io.open(folder .. path .. ".gz", "rb")):read "*a"
end

local function be32(n)
  local function byte(shift) return math.floor(n / 2 ^ shift) % 256 end
  return string.char(byte(24), byte(16), byte(8), byte(0))
end

local function idx(kind, shape, data)
  local parts = { string.char(0, 0, kind, #shape) }
  for _, n in ipairs(shape) do parts[#parts + 1] = be32(n) end
  return table.concat(parts) .. data
end

local function idx_corpus()
  local images = idx(8, { 2, 3, 4 }, ("\1\2\3\4\5\255"):rep(4))
  write("idx/good-u8", images)
  write("idx/good-i8", idx(9, { 3 }, "\127\128\255"))
  write("idx/good-i16", idx(11, { 2 }, "\1\2\255\254"))
  write("idx/good-i32", idx(12, { 2 }, "\0\0\1\0\255\255\255\255"))
  write("idx/good-f32", idx(13, { 1, 1 }, "\63\128\0\0"))
  write("idx/good-f64", idx(14, { 1 }, "\63\240\0\0\0\0\0\0"))
  write("idx/good-empty", idx(8, { 0, 28 }, ""))
  local packed = gzip "idx/good-u8"
  write("idx/half-1", images:sub(1, 20))
  write("idx/half-2", images:sub(21))
  write("idx/good-members.gz", gzip "idx/half-1" .. gzip "idx/half-2")
  for i = 1, 2 do
    os.remove(folder .. "idx/half-" .. i)
    os.remove(folder .. "idx/half-" .. i .. ".gz")
  end
  write("idx/bad-nothing", "")
  write("idx/bad-magic", "\0\1" .. images:sub(3))
  write("idx/bad-kind", idx(10, { 1 }, "x"))
  write("idx/bad-no-dimensions", idx(8, {}, "x"))
  write("idx/bad-nine-dimensions", idx(8, { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, "x"))
  write("idx/bad-cut-in-header", images:sub(1, 10))
  write("idx/bad-cut-short", images:sub(1, -2))
  write("idx/bad-too-long", images .. "x")
  write("idx/bad-product", idx(14, { 2 ^ 32 - 1, 2 ^ 32 - 1, 2 ^ 32 - 1 }, "x"))
  write("idx/bad-product-wraps", idx(8, { 2 ^ 31, 2 ^ 31, 4 }, ""))
  write("idx/bad-lying", idx(8, { 60000, 28, 28 }, "few"))
  write("idx/bad-gzip-cut", packed:sub(1, -12))
  write("idx/bad-gzip-checksum", packed:sub(1, -9) .. "abcd" .. packed:sub(-4))
  write("idx/bad-gzip-header", packed:sub(1, 8))
  write("idx/bad-gzip-rest", packed .. "no gzip")
  write("idx/bad-bomb", idx(8, { 100000, 1000, 1000 }, ("\0"):rep(5000)))
  write("idx/bad-bomb.gz", gzip "idx/bad-bomb")
  os.remove(folder .. "idx/bad-bomb")
  write("idx/bad-longer", images .. ("\0"):rep(3000))
  write("idx/bad-longer.gz", gzip "idx/bad-longer")
  os.remove(folder .. "idx/bad-longer")
end

local function le64(n)
  local bytes = {}
  for i = 1, 8 do
    bytes[i] = string.char(n % 256)
    n = math.floor(n / 256)
  end
  return table.concat(bytes)
end

local function safetensors(header, data)
  return le64(#header) .. header .. (data or "")
end

local function entry(name, dtype, shape, from, to)
  return ('"%s":{"dtype":"%s","shape":[%s],"data_offsets":[%d,%d]}'):format(
    name, dtype, shape, from, to)
end

local function good_safetensors()
  local function good(name, header, data)
    write("safetensors/good-" .. name, safetensors(header, data))
  end
  local all = "{" .. table.concat({
    entry("f32", "F32", "2", 0, 8), entry("f64", "F64", "1,1", 8, 16),
    entry("i64", "I64", "", 16, 24), entry("i32", "I32", "1", 24, 28),
    entry("u8", "U8", "3", 28, 31), entry("bool", "BOOL", "1", 31, 32),
  }, ",") .. "}"
  good("all", all, ("\0"):rep(31) .. "\1")
  good("nothing", "{}")
  good("padding", "{" .. entry("w", "U8", "1", 0, 1) .. "}     ", "x")
  good("empty-tensor", "{" .. entry("w", "F32", "0,3", 0, 0) .. "}")
  good("other-order", "{" .. entry("b", "U8", "1", 1, 2) .. ","
    .. entry("a", "U8", "1", 0, 1) .. "}", "xy")
  good("metadata", '{"__metadata__":{"format":"pt","a\\u0041":"\\""},'
    .. entry("w", "U8", "1", 0, 1) .. "}", "x")
  good("escapes", "{" .. entry("\\u00e9\\ud83c\\udf19 \\\"\\\\\\n\195\169",
    "U8", "", 0, 1) .. "}", "x")
  good("spaces", ' {\n "w" : { "shape" : [ 1 , 1 ] , "dtype" : "U8" ,'
    .. ' "data_offsets" : [ 0 , 1 ] } }\t', "x")
end

local function bad_safetensors_json()
  local one = entry("w", "U8", "1", 0, 1)
  for name, header in pairs {
    ["no-object"] = "[]", ["no-end"] = "{" .. one, ["number"] = "12",
    ["comma"] = "{" .. one .. ",}", ["after-end"] = "{" .. one .. "}{}",
    ["deep-nesting"] = '{"w":' .. ("["):rep(3000) .. ("]"):rep(3000) .. "}",
    ["deep-metadata"] = '{"__metadata__":' .. ('{"a":'):rep(2000) .. "}",
    ["metadata-number"] = '{"__metadata__":{"a":1},' .. one .. "}",
    ["metadata-twice"] = '{"__metadata__":{},"__metadata__":{}}',
    ["duplicate"] = "{" .. one .. "," .. one .. "}",
    ["duplicate-names"] = "{" .. entry("w", "U8", "1", 0, 1) .. ","
      .. entry("\\u0077", "U8", "1", 1, 2) .. "}",
    ["duplicate-key"] = '{"w":{"dtype":"U8","dtype":"U8","shape":[1],'
      .. '"data_offsets":[0,1]}}',
    ["unknown-key"] = '{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1],'
      .. '"more":1}}',
    ["missing-key"] = '{"w":{"dtype":"U8","shape":[1]}}',
    ["dtype"] = "{" .. entry("w", "F8_E4M3", "1", 0, 1) .. "}",
    ["negative"] = "{" .. entry("w", "U8", "-1", 0, 1) .. "}",
    ["fraction"] = "{" .. entry("w", "U8", "1.0", 0, 1) .. "}",
    ["leading-zero"] = "{" .. entry("w", "U8", "01", 0, 1) .. "}",
    ["huge-number"] = "{" .. entry("w", "U8", "9223372036854775808", 0, 1)
      .. "}",
    ["nine-dimensions"] = "{" .. entry("w", "U8", "1,1,1,1,1,1,1,1,1", 0, 1)
      .. "}",
    ["bare-control"] = "{" .. entry("\1", "U8", "1", 0, 1) .. "}",
    ["utf8"] = "{" .. entry("\192\175", "U8", "1", 0, 1) .. "}",
    ["utf8-cut"] = '{"\226\130',
    ["surrogate"] = "{" .. entry("\\ud83c", "U8", "1", 0, 1) .. "}",
    ["nul"] = "{" .. entry("\\u0000", "U8", "1", 0, 1) .. "}",
    ["escape"] = "{" .. entry("\\x41", "U8", "1", 0, 1) .. "}",
    ["backslash-end"] = '{"w\\',
  } do
    write("safetensors/bad-" .. name, safetensors(header, "x"))
  end
end

local function bad_safetensors_sizes()
  local function bad(name, bytes) write("safetensors/bad-" .. name, bytes) end
  local four = "{" .. entry("w", "F32", "1", 0, 4) .. "}"
  bad("empty", "")
  bad("cut-length", "\1\2\3")
  bad("cut-header", safetensors(four):sub(1, 30))
  bad("cut-data", safetensors(four, "abc"))
  bad("too-long", safetensors(four, "abcde"))
  bad("huge-header", le64(2 ^ 40) .. four)
  bad("negative-header", ("\255"):rep(8) .. four)
  bad("span", safetensors("{" .. entry("w", "F32", "2", 0, 4) .. "}", "abcd"))
  bad("backwards", safetensors("{" .. entry("w", "U8", "1", 4, 0) .. "}",
    "abcd"))
  bad("product", safetensors("{" .. entry("w", "F32",
    "4294967296,4294967296,4294967296", 0, 0) .. "}"))
  bad("overlap", safetensors("{" .. entry("a", "U8", "2", 0, 2) .. ","
    .. entry("b", "U8", "2", 1, 3) .. "}", "abc"))
  bad("hole", safetensors("{" .. entry("a", "U8", "1", 0, 1) .. ","
    .. entry("b", "U8", "1", 2, 3) .. "}", "abc"))
  bad("beyond", safetensors("{" .. entry("a", "U8", "1", 9, 10) .. "}", "abc"))
  bad("bool", safetensors("{" .. entry("w", "BOOL", "2", 0, 2) .. "}",
    "\1\7"))
end

local function cifar_corpus()
  local function record(label)
    return string.char(label) .. ("\1"):rep(1024) .. ("\2"):rep(1024)
      .. ("\3"):rep(1023) .. "\255"
  end
  write("cifar/good-one", record(9))
  write("cifar/good-two", record(3) .. record(0))
  write("cifar/bad-label", record(3) .. record(10))
  write("cifar/bad-nothing", "")
  write("cifar/bad-cut", (record(3) .. record(0)):sub(1, -2))
end

local function csv_corpus()
  for name, text in pairs{
    ["good-plain"] = "1,2\n3,4.5\n", ["good-header"] = "a,b\n1,2\n",
    ["good-no-end"] = "1,2\n3,4", ["good-crlf"] = "a,b\r\n1,2\r\n",
    ["good-quotes"] = '"a ""b""","c,d","e\nf"\n1,"2", "3" \n',
    ["good-blank-lines"] = "\n \n1,2\n\n3,4\n\n",
    ["good-mark"] = "\239\187\1911,2\n", ["good-one"] = "1",
    ["good-numbers"] = "-1.5e-3,+2,.5,5.,inf,1e400,123456789012345678901234\n",
    ["good-spaces"] = " 1 ,\t2\t\n",
    ["bad-nothing"] = "", ["bad-header-alone"] = "a,b\n",
    ["bad-word"] = "1,2\n3,x\n", ["bad-few"] = "1,2\n3\n",
    ["bad-many"] = "1,2\n3,4,5\n", ["bad-empty-cell"] = "1,2\n3,\n",
    ["bad-hexadecimal"] = "1,2\n3,0x10\n", ["bad-exponent"] = "1\n2e\n",
    ["bad-two-points"] = "1\n1.2.3\n", ["bad-open-quote"] = '1\n"2\n3\n',
    ["bad-after-quote"] = '1\n"2"3\n', ["bad-zero-byte"] = "1\n2\0\n",
    ["bad-sign"] = "1\n-\n", ["bad-one-empty"] = '1\n""\n',
  } do
    write("csv/" .. name, text)
  end
  write("csv/good-gzip", gzip "csv/good-plain")
  write("csv/bad-gzip", (gzip "csv/good-plain"):sub(1, -5))
  os.remove(folder .. "csv/good-plain.gz")
end

idx_corpus()
csv_corpus()
cifar_corpus()
good_safetensors()
bad_safetensors_json()
bad_safetensors_sizes()
