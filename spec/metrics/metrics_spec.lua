-- moon.metrics against plain Lua over lists of numbers.
local task = require "support.task"
local moon = require "moonseed"
local metrics = moon.metrics

local N, CLASSES = 300, 4

-- Logits with ties, labels, and the same as lists; in batches of 64.
local function examples(classes)
  moon.manual_seed(classes or 3)
  local x = (moon.randn(N, classes or CLASSES) * 3):to("i64"):to "f32"
  local y = moon.randint(0, classes or CLASSES, N)
  return x, y, x:totable(), y:totable()
end

local function fill(metric, x, y)
  for lo = 1, N, 64 do
    local n = math.min(64, N - lo + 1)
    metric:update(x:narrow(1, lo, n), y:narrow(1, lo, n))
  end
  return metric
end

-- The class of the largest logit, the first of equals.
local function predicted(row)
  local best = 1
  for c = 2, #row do if row[c] > row[best] then best = c end end
  return best - 1
end

local function matrix_of(rows, labels)
  local m = {}
  for c = 1, CLASSES do
    m[c] = {}
    for k = 1, CLASSES do m[c][k] = 0 end
  end
  for i, row in ipairs(rows) do
    local is, got = labels[i] + 1, predicted(row) + 1
    m[is][got] = m[is][got] + 1
  end
  return m
end

local function softmax(row)
  local sum, most, list = 0, -math.huge, {}
  for _, v in ipairs(row) do most = math.max(most, v) end
  for c, v in ipairs(row) do
    list[c] = math.exp(v - most)
    sum = sum + list[c]
  end
  for c = 1, #list do list[c] = list[c] / sum end
  return list
end

describe("accuracy", function()
  it("is the share of right answers, of logits or classes", task(function()
    local x, y, rows, labels = examples()
    local right = 0
    for i, row in ipairs(rows) do
      if predicted(row) == labels[i] then right = right + 1 end
    end
    assert.near(right / N, fill(metrics.Accuracy{}, x, y):value(), 1e-12)
    assert.near(right / N, fill(metrics.Accuracy{}, x:argmax(2), y):value(),
                1e-12)
    assert.near(right / N, fill(metrics.TopK{ 1 }, x, y):value(), 1e-12)
  end))

  it("counts the k largest, of equals the first", task(function()
    local x, y, rows, labels = examples()
    for k = 1, CLASSES + 1 do
      local right = 0
      for i, row in ipairs(rows) do
        local own, before = row[labels[i] + 1], 0
        for c, v in ipairs(row) do
          if v > own or v == own and c < labels[i] + 1 then
            before = before + 1
          end
        end
        if before < k then right = right + 1 end
      end
      assert.near(right / N, fill(metrics.TopK{ k }, x, y):value(), 1e-12)
    end
  end))

  it("takes NaN for wrong", task(function()
    local x = moon.tensor{ { 0 / 0, 0 / 0 }, { 1, 0 } }
    local y = moon.tensor({ 0, 0 }, { dtype = "i64" })
    assert.equal(0.5, metrics.TopK{ 1 }:update(x, y):value())
  end))
end)

describe("the confusion matrix", function()
  it("counts what was taken for what", task(function()
    local x, y, rows, labels = examples()
    assert.same(matrix_of(rows, labels),
                fill(metrics.Confusion{ CLASSES }, x, y):value())
  end))

  it("gives precision, recall and F1, by class and on average",
     task(function()
    local x, y, rows, labels = examples()
    local m = matrix_of(rows, labels)
    local by = { Precision = {}, Recall = {}, F1 = {} }
    local size, all = {}, 0
    for c = 1, CLASSES do
      local got, is, tp = 0, 0, m[c][c]
      for k = 1, CLASSES do got, is = got + m[k][c], is + m[c][k] end
      by.Precision[c], by.Recall[c] = tp / got, tp / is
      by.F1[c] = 2 * tp / (got + is)
      size[c], all = is, all + tp
    end
    for name, list in pairs(by) do
      local function value(average)
        return fill(metrics[name]{ CLASSES, average = average }, x, y):value()
      end
      local macro, weighted = 0, 0
      for c, v in ipairs(list) do
        assert.near(v, value("none")[c], 1e-12)
        macro, weighted = macro + v / CLASSES, weighted + v * size[c] / N
      end
      assert.near(macro, value "macro", 1e-12)
      assert.near(weighted, value "weighted", 1e-12)
      assert.near(all / N, value "micro", 1e-12)
    end
  end))

  -- sklearn.metrics.f1_score([0, 0, 1], [0, 1, 1], average="macro") and
  -- precision_score([0, 0, 2], [0, 0, 0], average=None): 2 is never predicted.
  it("leaves out classes that are not there; 0 where nothing was found",
     task(function()
    local function i64(list) return moon.tensor(list, { dtype = "i64" }) end
    local f1 = metrics.F1{ 5 }:update(i64{ 0, 1, 1 }, i64{ 0, 0, 1 })
    assert.near(2 / 3, f1:value(), 1e-12)
    local list = metrics.Precision{ 3, average = "none" }
      :update(i64{ 0, 0, 0 }, i64{ 0, 0, 2 }):value()
    assert.near(2 / 3, list[1], 1e-12)
    assert.is_true(list[2] ~= list[2])
    assert.equal(0, list[3])
  end))

  it("refuses labels that are none, and counts nothing of the batch",
     task(function()
    local m = metrics.Confusion{ 2 }
    local x = moon.tensor{ { 1, 0 } }
    m:update(x, moon.tensor({ 0 }, { dtype = "i64" }))
    m:update(x, moon.tensor({ 5 }, { dtype = "i64" }))
    assert.error_matches(function() m:value() end,
                         "index_select: index 5 at position 1")
  end))
end)

describe("the area under the curve", function()
  local function pairs_won(scores, labels, class)
    local won, all = 0, 0
    for i, a in ipairs(scores) do
      for j, b in ipairs(scores) do
        if labels[i] == class and labels[j] ~= class then
          all = all + 1
          won = won + (a > b and 1 or a == b and 0.5 or 0)
        end
      end
    end
    return won / all
  end

  it("is how often the right one wins, of scores or two logits",
     task(function()
    local x, y, rows, labels = examples(2)
    local scores = {}
    for i, row in ipairs(rows) do scores[i] = row[2] - row[1] end
    local wanted = pairs_won(scores, labels, 1)
    assert.near(wanted, fill(metrics.AUC{}, x, y):value(), 1e-12)
    local difference = x:narrow(2, 2, 1) - x:narrow(2, 1, 1)
    local m = fill(metrics.AUC{}, difference:reshape(N), y)
    assert.near(wanted, m:value(), 1e-12)
    assert.near(wanted, m:value(), 1e-12)
  end))

  it("is the mean over classes, each against the rest", task(function()
    local x, y, rows, labels = examples()
    local total = 0
    for c = 1, CLASSES do
      local scores = {}
      for i, row in ipairs(rows) do scores[i] = softmax(row)[c] end
      total = total + pairs_won(scores, labels, c - 1)
    end
    -- Not exactly: f32 makes ties that doubles do not.
    assert.near(total / CLASSES, fill(metrics.AUC{}, x, y):value(), 1e-3)
  end))

  it("is nil where all are of one class, 1 and 0 at the ends", task(function()
    local x = moon.tensor{ 1, 2, 3 }
    local function of(list)
      return metrics.AUC{}:update(x, moon.tensor(list, { dtype = "i64" }))
        :value()
    end
    assert.is_nil(of{ 1, 1, 1 })
    assert.equal(1, of{ 0, 0, 1 })
    assert.equal(0, of{ 1, 0, 0 })
  end))

  it("reads many without holding up the loop", task(function()
    local n = 200000
    local x = moon.rand(n)
    local y = moon.rand(n):lt(x):to "i64"
    local m, turns, done = metrics.AUC{}:update(x, y), 0, false
    moon.spawn(function()
      while not done do
        moon.yield()
        turns = turns + 1
      end
    end)
    local value = m:value()
    done = true
    assert.near(5 / 6, value, 5e-3)  -- of scores that are their own odds
    assert.is_true(turns > 2)
  end))
end)

describe("the calibration error", function()
  it("is Guo's, in bins of equal width", task(function()
    local x, y, rows, labels = examples()
    for _, bins in ipairs{ 1, 7, 15 } do
      local sums = {}
      for b = 1, bins do sums[b] = { 0, 0 } end
      for i, row in ipairs(rows) do
        local p = predicted(row)
        local confidence = softmax(row)[p + 1]
        local bin = sums[math.ceil(confidence * bins - 1e-9)]
        bin[1] = bin[1] + confidence
        bin[2] = bin[2] + (p == labels[i] and 1 or 0)
      end
      local wanted = 0
      for b = 1, bins do
        wanted = wanted + math.abs(sums[b][1] - sums[b][2]) / N
      end
      local got = fill(metrics.CalibrationError{ bins = bins }, x, y):value()
      assert.near(wanted, got, 1e-5)
    end
  end))
end)

describe("a metric", function()
  it("is nil before any batch, and after a reset", task(function()
    local x, y = examples()
    for name, options in pairs{ Accuracy = {}, TopK = { 2 },
        Confusion = { CLASSES }, F1 = { CLASSES }, AUC = {},
        CalibrationError = {}, Precision = { CLASSES },
        Recall = { CLASSES } } do
      local m = metrics[name](options)
      assert.is_nil(m:value())
      local first = fill(m, x, y):value()
      assert.is_nil(m:reset():value())
      assert.same(first, fill(m, x, y):value())
      local other = metrics.rebuild(m:describe())
      assert.same(first, fill(other, x, y):value())
    end
  end))

  it("waits for nothing while it adds up, and leaves no graph",
     task(function()
    local w = moon.randn(8, CLASSES):requires_grad()
    local x, y = moon.randn(32, 8), moon.randint(0, CLASSES, 32)
    local m = { metrics.Accuracy{}, metrics.F1{ CLASSES }, metrics.AUC{},
                metrics.CalibrationError{}, metrics.TopK{ 2 } }
    local other = false
    local sibling = moon.spawn(function() other = true end)
    local logits = x:matmul(w)
    local before = moon.stats().live_nodes
    for _, one in ipairs(m) do one:update(logits, y) end
    assert.is_false(other)
    assert.is_true(moon.stats().live_nodes <= before)
    sibling:await()
  end))

  it("of means takes a batch's loss, or one value per example",
     task(function()
    local y = moon.zeros(4, { dtype = "i64" })
    local m = metrics.Mean{}
    m:update(moon.full({}, 2), y)
    m:update(moon.tensor{ 1, 2, 3, 6 }, y)
    assert.equal(2.5, m:value())
  end))

  it("refuses what does not fit", task(function()
    local x, y = moon.randn(3, CLASSES), moon.randint(0, CLASSES, 3)
    local function refuses(text, fn, ...)
      local ok, e = pcall(fn, ...)
      assert.is_false(ok)
      assert.truthy(tostring(e):find(text, 1, true), e)
    end
    local function update(m, a, b)
      return function() m:update(a, b) end
    end
    refuses("Accuracy: 3x4 and 2; expected [N, ...] and [N]",
            update(metrics.Accuracy{}, x, y:narrow(1, 1, 2)))
    refuses("Accuracy: 3x4x1 f32; expected logits [N, C] or classes i64 [N]",
            update(metrics.Accuracy{}, x:reshape(3, 4, 1), y))
    refuses("F1: 3x4 f32; expected logits [N, 7]",
            update(metrics.F1{ 7 }, x, y))
    refuses("TopK: k is missing", metrics.TopK, {})
    refuses("TopK: k is a whole number of at least 1", metrics.TopK, { 0 })
    refuses("F1: no average 'all' (macro, micro, none, weighted)", metrics.F1,
            { 3, average = "all" })
    refuses("Accuracy: no option 'top'", metrics.Accuracy, { top = 5 })
    refuses("AUC: 3 i64; expected scores [N] or logits [N, C]",
            update(metrics.AUC{}, y, y))
    refuses("Accuracy: the first argument is a tensor, not number",
            update(metrics.Accuracy{}, 5, y))
    refuses("rebuild: there is no metric 'Metric'", metrics.rebuild,
            { "Metric" })
  end))
end)
