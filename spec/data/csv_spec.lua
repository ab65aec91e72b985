-- Tables as text: columns, labels, what is missing, errors by line.
local task = require "support.task"
local files = require "support.files"
local moon = require "moonseed"

describe("moon.data.csv", function()
  local folder, remove, path

  setup(function()
    folder, remove = files.folder()
    path = folder .. "/t.csv"
  end)
  teardown(function() remove() end)

  local function read(text, options)
    options = options or {}
    options[1] = files.write(path, text)
    return moon.data.csv(options)
  end

  local function fails(pattern, text, options)
    assert.error_matches(function() read(text, options) end,
                         "csv: .-" .. pattern)
  end

  it("reads columns of numbers", task(function()
    local data = read "1,2\n3,4.5\n\n"
    assert.equal(2, #data)
    assert.same({ { 1, 2 }, { 3, 4.5 } }, data.x:totable())
    assert.equal("f32", data.x:dtype())
    assert.is_nil(data.y)
    assert.is_nil(data.columns)
    assert.equal("f64", read("1,2\n", { dtype = "f64" }).x:dtype())
  end))

  it("takes a label column by name or position", task(function()
    for _, label in ipairs{ "kind", 2 } do
      local data = read("a, kind ,b\n1,0,2\n3,1,4\n", { label = label })
      assert.same({ { 1, 2 }, { 3, 4 } }, data.x:totable())
      assert.same({ 0, 1 }, data.y:totable())
      assert.equal("i64", data.y:dtype())
      assert.is_nil(data.classes)
      assert.same({ "a", "b" }, data.columns)
    end
  end))

  it("numbers labels that are words as they come", task(function()
    local data = read('1;"cat"\r\n2;dog\r\n3;cat\r\n',
                      { label = 2, separator = ";" })
    assert.same({ 0, 1, 0 }, data.y:totable())
    assert.same({ "cat", "dog" }, data.classes)
    assert.same({ 7, 0, 3 }, read("7\n0\n3\n", { label = 1 }).y:totable())
    assert.same({ 0, 1, 0 }, read("7\n-1\n7\n", { label = 1 }).y:totable())
  end))

  it("takes labels that are numbers", task(function()
    local data = read("a,b\n1,0.5\n2,-3\n",
                      { label = "b", types = { b = "number" } })
    assert.same({ 0.5, -3 }, data.y:totable())
    assert.equal("f32", data.y:dtype())
  end))

  it("reads other types: bool, category, skip", task(function()
    local data = read("name,city,on,n\nann,Rome,yes,1\nbob,Oslo,FALSE,2\n"
                      .. "cy,Rome,t,3\n", {
      types = { name = "skip", city = "category", on = "bool" } })
    assert.same({ { 0, 1, 1 }, { 1, 0, 2 }, { 0, 1, 3 } }, data.x:totable())
    assert.same({ "city", "on", "n" }, data.columns)
    assert.same({ city = { "Rome", "Oslo" } }, data.categories)
  end))

  it("reads another file with the categories of the first", task(function()
    local train = read("city,y\nRome,b\nOslo,a\n",
                       { label = "y", types = { city = "category" } })
    local test = read("city,y\nOslo,a\nOslo,b\n", {
      label = "y", types = { city = train.categories.city,
                             y = train.classes } })
    assert.same({ { 1 }, { 1 } }, test.x:totable())
    assert.same({ 1, 0 }, test.y:totable())
    assert.same({ "b", "a" }, test.classes)
    fails(":3: column 1 %(city%): 'Bonn' is none of the values that were given",
          "city\nRome\nBonn\n", { types = { city = { "Rome", "Oslo" } } })
    train = read("b,1,x\na,2,y\n", { label = 1, types = { [3] = "category" } })
    assert.same({ [3] = { "x", "y" } }, train.categories)
    test = read("a,3,y\n", { label = 1, types = train.categories })
    assert.same({ { 3, 1 } }, test.x:totable())
  end))

  it("finds out whether the first row is a header", task(function()
    assert.equal(1, #read "a,b\n1,2\n")
    assert.equal(2, #read "1,2\n3,4\n")
    assert.equal(2, #read("x,2\ny,4\n", { types = { "category" } }))
    assert.equal(1, #read("x,2\ny,4\n", { types = { "category" },
                                          header = true }))
    assert.equal(1, #read("1,2\n3,4\n", { label = "2" }))
    fails(":1: column 1: 'a' is not a number", "a\n1\n", { header = false })
  end))

  it("refuses, keeps, fills or drops what is missing", task(function()
    local text = "a,b\n1,\n NA ,2\n3,4\n"
    fails(":2: column 2 %(b%): is missing", text)
    local kept = read(text, { missing = "nan" }).x
    assert.same({ 1, 4 }, { kept[1][1]:item(), kept[3][2]:item() })
    assert.same({ { 0, 1 }, { 1, 0 }, { 0, 0 } },
                kept:ne(kept):to("u8"):totable())
    assert.same({ { 1, -1 }, { -1, 2 }, { 3, 4 } },
                read(text, { missing = -1 }).x:totable())
    assert.same({ { 3, 4 } }, read(text, { missing = "drop" }).x:totable())
    assert.same({ { 1, 9 } }, read("1,?\n", { missing = 9, empty = { "?" },
                                             header = false }).x:totable())
    fails("'' is not a number", "1\n\"\"\n", { empty = { "?" }, missing = 9 })
  end))

  it("never makes up a class", task(function()
    for _, missing in ipairs{ "nan", 0, "error" } do
      fails(":2: column 2: the label is missing", "1,a\n2,\n",
            { label = 2, missing = missing })
    end
    local data = read("1,a\n,b\n2,\n3,c\n", { label = 2, missing = "drop" })
    assert.same({ 0, 1 }, data.y:totable())
    assert.same({ "a", "c" }, data.classes)
  end))

  it("takes quoted cells with separators, lines and quotes", task(function()
    local data = read('"a ""x""","b,c","d\ne"\n1,"2", "3" \n')
    assert.same({ 'a "x"', "b,c", "d\ne" }, data.columns)
    assert.same({ { 1, 2, 3 } }, data.x:totable())
    fails(":4: column 2 %(b%): 'x' is not a number",
          '"a\na",b\n1,2\n3,x\n')
    fails(":2: a quote that is not closed", '1\n"2\n3\n')
    fails(":2: '3' after a closing quote", '1\n"2"3\n')
  end))

  it("reads gzip", task(function()
    files.write(path, "1,2\n3,4\n")
    os.execute("gzip -f -k " .. path)
    assert.same({ { 1, 2 }, { 3, 4 } },
                moon.data.csv{ path .. ".gz" }.x:totable())
  end))

  it("names file and line of what is wrong", task(function()
    local at = path:gsub("%p", "%%%0")
    fails(at .. ":3: column 2 %(b%): 'x' is not a number", "a,b\n1,2\n3,x\n")
    fails(at .. ":2: 1 columns, the first line has 2", "1,2\n3\n")
    fails(at .. ": no column 'c' %(a, b%)", "a,b\n1,2\n", { label = "c" })
    fails(at .. ": more than one column 'a'", "a,a\n1,2\n", { label = "a" })
    fails(at .. ": no column 3 of 2", "1,2\n", { label = 3 })
    fails(at .. ": has no rows", "")
    fails("0x10' is not a number", "1\n0x10\n")
    assert.error_matches(function() moon.data.csv{ "/nowhere.csv" } end,
                         "csv: /nowhere.csv: No such file")
  end))

  it("refuses options that do not fit", task(function()
    fails("the separator is one character, not '::'", "", { separator = "::" })
    fails("column a is no 'word' %(bool, category, number", "",
          { types = { a = "word" } })
    fails('missing is "error", "nan", "drop" or a number, not gone', "",
          { missing = "gone" })
    fails("no option 'lable' %(known: path, dtype", "", { lable = 1 })
    fails("the label's column is skipped", "1\n",
          { label = 1, types = { "skip" } })
    fails("no dtype 2; f32 or f64", "", { dtype = "i64" })
  end))

  it("reads many rows, also numbers of many digits", task(function()
    local lines, rng = { "x,y" }, 1
    for i = 1, 20000 do
      rng = (rng * 16807) % 2147483647
      lines[i + 1] = ("%d,%.17g"):format(i, rng / 7)
    end
    local data = read(table.concat(lines, "\n"), { dtype = "f64" })
    assert.equal(20000, #data)
    assert.equal(20000 * 20001 / 2, data.x:sum(1)[1]:item())
    assert.equal(rng / 7, data.x[20000][2]:item())
  end))

  it("leaves the loop alone while it reads", task(function()
    files.write(path, ("1,2,3,4,5,6,7,8\n"):rep(200000))
    local before, ticks, done = moon.stats().blocked_waits, 0, false
    moon.spawn(function()
      while not done do
        moon.sleep(1)
        ticks = ticks + 1
      end
    end)
    local data = moon.data.csv{ path }
    done = true
    assert.equal(200000, #data)
    assert.is_true(ticks > 3, ticks)
    assert.equal(before, moon.stats().blocked_waits)
  end))
end)

describe("moon.data.digits", function()
  it("are 1 x 8 x 8 in [0, 1]", task(function()
    local folder, remove = files.folder()
    local rows = {}
    for i = 0, 2 do
      rows[i + 1] = ("%d,"):format(8 * i):rep(64) .. i
    end
    files.write(folder .. "/digits.csv", table.concat(rows, "\n"))
    local data = moon.data.digits{ folder = folder }
    assert.same({ 3, 1, 8, 8 }, data.x:shape())
    assert.same({ 0, 0.5, 1 }, data.x:mean{ 2, 3, 4 }:totable())
    assert.same({ 0, 1, 2 }, data.y:totable())
    files.write(folder .. "/digits.csv", "1,2,3\n")
    assert.error_matches(function() moon.data.digits{ folder = folder } end,
                         "no column 65 of 3")
    remove()
  end))

  it("are read where scikit-learn is installed", task(function()
    local ok, data = pcall(moon.data.digits)
    if not ok then
      assert.matches("digits.csv.gz in .* install Debian's python3%-sklearn",
                     data)
      return
    end
    assert.equal(1797, #data)
    assert.equal(9, data.y:max():item())
  end))
end)
