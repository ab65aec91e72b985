-- No growth: the control that says what the host can do alone.

local policy = { name = "off", version = 1 }

function policy.decide() end

return policy
