-- The examples in scripts/examples run and show what they say.

local function run(name)
  local pipe = io.popen("./scripts/moonseed scripts/examples/" .. name
                        .. ".lua 2>&1")
  local output = pipe:read "*a"
  pipe:close()
  return output
end

describe("the example", function()
  it("branches gives the gradients of running one after the other", function()
    assert.matches("bit for bit:%s+true", run "branches")
  end)

  it("swish has the gradient of the composed function", function()
    assert.matches("close:%s+true", run "swish")
  end)

  it("timer ticks on during a convolution and its backward", function()
    local ticks = run("timer"):match "(%d+) ticks of 1 ms"
    assert.is_true(ticks and tonumber(ticks) > 20, ticks)
  end)
end)
