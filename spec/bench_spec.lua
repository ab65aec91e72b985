-- What benchmarks come to: numbers over rounds, the CSV file, the table, the
-- figure. (scripts/bench/run is called by hand.)

package.path = "scripts/bench/?.lua;scripts/?.lua;" .. package.path
local figure = require "figure"
local gpu_parts = require "gpu_parts"
local gpu_table = require "gpu_table"
local jobs = require "jobs"
local operations = require "operations"
local results = require "results"
local summary = require "summary"

-- Files of a run, as results.lua writes them.
local function folder_of(benches)
  local name = os.tmpname()
  os.remove(name)
  assert(os.execute("mkdir " .. name) == 0)
  for bench, values in pairs(benches) do
    local result = results.new()
    for metric, peers in pairs(values) do
      for peer, list in pairs(peers) do
        for round, value in ipairs(list) do
          result:add(round, peer, metric, value)
        end
      end
    end
    result:write(name .. "/" .. bench .. ".csv")
  end
  return name .. "/"
end

local fixture = {
  step = { ["step:images_per_s"] = {
    moonseed = { 200, 210, 190 }, ["bare oneDNN"] = { 100, 100, 100 },
    ["PyTorch contiguous"] = { 40, 40, 40 },
    ["PyTorch channels_last"] = { 50, 50, 50 },
    ["PyTorch channels_last, malloc keeps"] = { 80, 70, 90 },
  } },
  conv = { ["1,2,3,4,5:all"] = { moonseed = { 1 }, ["bare oneDNN"] = { 2 } },
           ["6,7,8,9,1g:all"] = { moonseed = { 4 }, ["bare oneDNN"] = { 2 } },
           ["6,7,8,9,1g:data"] = { moonseed = { 9 } } },
}

describe("a benchmark's numbers", function()
  local folder

  setup(function() folder = folder_of(fixture) end)
  teardown(function() os.execute("rm -r " .. folder) end)

  it("have a median and ends", function()
    assert.same({ 2, 1, 9 }, { results.spread{ 9, 1, 2 } })
    assert.same({ 1.5, 1, 2 }, { results.spread{ 2, 1 } })
  end)

  it("are compared round by round", function()
    assert.same({ 2, 3 }, results.ratios({ 1, 2 }, { 2, 6 }))
    assert.same({ 2, 3 }, results.ratios({ 4, 9 }, { 2, 3 }, true))
  end)

  it("come back from their file", function()
    local read = results.read(folder .. "step.csv")
    assert.same({ 200, 210, 190 }, read.values["step:images_per_s"].moonseed)
    assert.same({ 80, 70, 90 }, read.values["step:images_per_s"][
      "PyTorch channels_last, malloc keeps"])
    assert.is_nil(results.read(folder .. "none.csv"))
  end)

  it("make a table with the columns that there are", function()
    local table = summary.table(summary.read(folder))
    assert.matches("^|  | Moonseed | bare oneDNN | contiguous | channels_last "
                   .. "| malloc keeps |\n", table)
    assert.is_truthy(table:find("| small CNN, training step, images/s | 200.0 |"
      .. " 100.0 | 40.0 | 50.0 | 80.0 |", 1, true))
    assert.is_truthy(table:find("| conv 1,2,3,4,5, forward and backward, ms | "
                                .. "1.000 | 2.000 |  |", 1, true))
    assert.is_truthy(table:find("| convolutions, geometric mean, ms | 2.000 | "
                                .. "2.000 |", 1, true))
  end)

  it("are drawn against the best of each kind", function()
    local ratios = summary.ratios(summary.read(folder))
    assert.equal(2, #ratios)
    assert.equal("small CNN, training step", ratios[1].title)
    local bars = ratios[1].bars
    assert.same({ 1, 4, 3.8, 4.2 }, bars[1])  -- eager: channels_last
    assert.equal(2, bars[2][1])
    assert.near(2.5, bars[2][2], 1e-12)       -- with its malloc tuned
    assert.same({ 4, 2, 1.9, 2.1 }, bars[3])  -- there is no torch.compile
    assert.equal("convolutions, forward and backward", ratios[2].title)
  end)

  it("make a table of single operations", function()
    local result = results.new()
    for size, ours in pairs{ small = 2, large = 8 } do
      local metric = ("relu:%s:both"):format(size)
      result:add(1, "moonseed", metric, ours)
      result:add(1, "PyTorch contiguous", metric, 9)
      result:add(1, "PyTorch channels_last", metric, 4)
      result:add(1, "PyTorch channels_last, jemalloc", metric, 3)
    end
    assert.equal("| | small | medium | large |\n|---|---|---|---|\n"
      .. "| relu, forward and backward | 2.000 ms: x2.00, x1.50 |  | "
      .. "8.000 ms: x0.50, x0.38 |", operations.table(result))
  end)

  it("are a figure of balanced elements", function()
    local svg = figure.svg(summary.read(folder), "a <machine> & more")
    local _, opened = svg:gsub("<%a[^>]*[^/]>", "")
    local _, closed = svg:gsub("</", "")
    assert.equal(opened, closed)
    assert.matches("a &lt;machine&gt; &amp; more", svg)
    assert.matches('<text class="" x="[%d.]+" y="[%d.]+">2.50</text>', svg)
    assert.is_nil(figure.svg({}, "nowhere"))
  end)
end)

describe("a GPU's parts", function()
  local parts = gpu_parts{
    threads = 1, cores = 4, shards = 2, torch = "python3", device = "cuda",
    library_path = "", data = "/data", until_accuracy = 93,
  }

  it("have a time, a title, and peers or jobs", function()
    for _, part in ipairs(parts) do
      assert.is_true(part.seconds > 0 and #part.title > 0)
      assert.is_true(part.jobs ~= nil or #part.peers > 0 and part.rounds > 0)
    end
  end)

  it("become tables of medians and ratios", function()
    local result = results.new()
    local function add(metric, ours, theirs)
      for i = 1, #ours do
        result:add(i, "moonseed", metric, ours[i])
        result:add(i, "PyTorch channels_last", metric, theirs[i])
      end
    end
    add("conv/bf16:1,2,3,4,5:all", { 2, 4, 2 }, { 4, 4, 6 })
    add("conv/bf16:6,7,8,9,1:all", { 1 }, { 8 })
    add("step/resnet9,128:images_per_s", { 300 }, { 100 })
    local page = gpu_table.page(parts, result, { "device: none" },
                                { "long: no time was left" })
    for _, line in ipairs{
      "- bf16 all, beside PyTorch channels_last: x4.00, the geometric mean "
        .. "over 2 shapes",
      "| | moonseed | PyTorch channels_last |",
      "| bf16:1,2,3,4,5:all | 2 | 4: x2.00 |",
      "| resnet9,128:images_per_s | 300 | 100: x3.00 |",
      "- device: none", "- long: no time was left",
    } do
      assert.is_truthy(page:find(line .. "\n", 1, true), line)
    end
  end)

  it("count what commands say", function()
    assert.same({ passed = 2, failed = 1, errors_found = 0 },
      jobs.count("ok 1 - a\nok 2 - b\nok 3 - # SKIP c\nnot ok 4 - d\n", 1))
    assert.same({ passed = 7, failed = 0, errors_found = 3 }, jobs.count(
      "7 passed, 0 failed\n========= ERROR SUMMARY: 3 errors\n", 0))
    assert.same({ passed = 0, failed = 1, errors_found = 0 },
                jobs.count("", 139))
  end)

  it("end commands that are late, with what they started", function()
    local path = os.tmpname()
    local counts = jobs.run({ { "quick", { "echo", "1 passed, 0 failed" } },
                              { "slow", { "sh", "-c", "sleep 60; echo" } } },
                            path, function() return 0.3 end)
    assert.same({ 1, 0, 1 }, { counts[1].passed, counts[1].late,
                               counts[2].late })
    assert.is_truthy(io.open(path):read("*a"):find("1 passed, 0 failed", 1,
                                                   true))
    os.remove(path)
  end)
end)
