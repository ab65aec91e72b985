-- The rock of the source tree that it lies in, for LuaJIT. Offline, with what
-- scripts/setup installs:
--
--   luarocks make --deps-mode=none rocks/moonseed-scm-1.rockspec
--
-- --deps-mode=none, because Debian's lua-luv is no rock. Further options choose
-- the place: --local, --tree FOLDER.

rockspec_format = "3.0"
package = "moonseed"
version = "scm-1"
-- `luarocks make` uses the tree as it is and fetches nothing.
source = { url = "git+file://." }
description = {
  summary = "A neural runtime for networks that grow while they train",
  detailed = [[
Tensors, streams, asynchronous convolution and autograd in a C core; models,
growth policies and training loops in Lua, on a libuv loop of coroutines.]],
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua == 5.1", "luv", "lua-cjson" }
external_dependencies = {
  DNNL = { header = "dnnl.h", library = "dnnl" },
  ZLIB = { header = "zlib.h", library = "z" },
  PNG = { header = "png.h", library = "png" },
  JPEG = { header = "jpeglib.h", library = "jpeg" },
}
build = {
  type = "make",
  build_target = "build",
  install_variables = {
    PREFIX = "$(PREFIX)", BINDIR = "$(BINDIR)", LUADIR = "$(LUADIR)",
    LIBDIR = "$(LIBDIR)", INCDIR = "$(PREFIX)/include",
    DOCDIR = "$(PREFIX)/doc",
  },
}
-- The launcher finds the files itself; LuaRocks's wrapper would start Lua 5.1.
deploy = { wrap_bin_scripts = false }
