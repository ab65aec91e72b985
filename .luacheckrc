std = "luajit"
max_line_length = 80
exclude_files = { "build", "spec/golden", "runs" }
-- Specs catch what is written; `not (x <= y)` is true of NaN.
files["spec"] = { std = "+busted", globals = { "io" }, ignore = { "581" } }
-- Replaces functions of coroutine so that an await passes through.
files["lua/moonseed/generator.lua"] = { globals = { "coroutine" } }
-- What a policy has beside Lua's own: lua/moonseed/seed/policy/sandbox.lua.
files["scripts/policies"] = { read_globals = { "bandit", "life" } }
