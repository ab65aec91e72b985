---@meta moonseed
-- luacheck: ignore
-- For editors; nothing loads it. Made by `luajit scripts/docs/generate.lua`:
-- change the comment in the source instead.

--- Moonseed: `local moon = require "moonseed"`.
---
--- Requiring it opens the runtime (closed when the Lua state is), replaces
--- coroutine.create, wrap and resume by ones that let an await pass through,
--- print by one that awaits tensors, and, where LuaJIT's are at fault, pairs and
--- next (iterate.lua). Do it from the main chunk, not inside a
--- coroutine.
---@class moon
local moon = {}

--- Zeros.
---@param ... any  extents, or one list of them; then dtype (f32), device
---@return Tensor  # the tensor
function moon.zeros(...) end

--- Ones.
---@param ... any  extents, or one list of them; then dtype (f32), device
---@return Tensor  # the tensor
function moon.ones(...) end

--- full({ 2, 3 }, value, options)
---@param list integer[]|integer  the shape
---@param value number|boolean
---@param options table|nil  dtype: f32, or bool for a boolean; device
---@return Tensor  # the tensor
function moon.full(list, value, options) end

--- Memory of unknown contents.
---@param ... any  extents, or one list of them; then dtype (f32), device
---@return Tensor  # the tensor
function moon.empty(...) end

--- arange(n): 0 to n - 1. arange(start, stop, step): up to, without, stop.
---@param start number
---@param stop number|nil
---@param step number|nil  1 unless given
---@param options table|nil  dtype (f32), device; may follow any number
---@return Tensor  # the tensor, of one dimension
function moon.arange(start, stop, step, options) end

--- Uniform in [0, 1).
---@param ... any  extents, or one list of them; then dtype (f32), device
---@return Tensor  # the tensor
function moon.rand(...) end

--- Normal, mean 0 and deviation 1.
---@param ... any  extents, or one list of them; then dtype (f32), device
---@return Tensor  # the tensor
function moon.randn(...) end

--- Whole numbers in [low, high): randint(low, high, shape...); i64.
---@param low number
---@param high number
---@param ... any  extents, or one list of them; then dtype (i64), device
---@return Tensor  # the tensor
function moon.randint(low, high, ...) end

--- The numbers from 0 to n - 1 in random order, i64.
---@param n integer
---@return Tensor  # the tensor [n]
function moon.randperm(n) end

--- Rows drawn with replacement, each as often as its weight says; i64, from 0.
--- Weights are finite and not negative; they need not sum to 1.
---@param weights Tensor  the tensor [N], f32 or f64
---@param n integer
---@return Tensor  # the tensor [n]
function moon.multinomial(weights, n) end

--- A tensor of the values of a number, a boolean or nested tables.
---@param value number|boolean|table
---@param options table|nil  dtype: f32, or bool if the first value is one
---@return Tensor  # the tensor
function moon.tensor(value, options) end

--- Joins tensors along a dimension (the first unless given).
---@param list table  of tensors
---@param dim integer|nil
---@return Tensor  # the tensor
function moon.cat(list, dim) end

--- Joins tensors of one shape along a new dimension (the first unless given).
---@param list table  of tensors
---@param dim integer|nil
---@return Tensor  # the tensor
function moon.stack(list, dim) end

--- For bindings: a handle that owns the reference `p`, in
--- the current moon.tidy scope.
---@param p userdata  moon_tensor *
---@return Tensor
function moon.wrap(p) end

--- Whether `value` is a tensor.
---@param value any
---@return boolean
function moon.is_tensor(value) end

--- Whether all |a - b| <= atol + rtol |b|; an infinity is close to itself
--- alone, NaN to nothing. Reads, so it waits.
---@param a Tensor
---@param b Tensor  of a's dtype, of a shape that broadcasts with a's
---@param options table|nil  rtol (1e-5), atol (1e-8)
---@return boolean
function moon.allclose(a, b, options) end

--- The options of conv2d as the core takes them.
---@param options table|nil  stride, padding, dilation (a number, or { height, width }), groups, epilogue ("none" or "relu")
---@return userdata  # moon_conv2d_params
function moon.conv2d_params(options) end

--- Convolution: x [N, C, H, W], w [K, C / groups, kH, kW], b [K] or nil
--- -> [N, K, oH, oW].
---@param x Tensor
---@param w Tensor
---@param b Tensor|nil
---@param options table|nil  see conv2d_params
---@return Tensor
function moon.conv2d(x, w, b, options) end

--- conv2d(x, w, b) + z, and then its ReLU if the options say so. A GPU computes
--- it in one kernel.
---@param x Tensor
---@param w Tensor
---@param b Tensor|nil
---@param z Tensor  [N, K, oH, oW], or what repeats to it
---@param options table|Tensor|nil  see conv2d_params
---@return Tensor
function moon.conv2d_add(x, w, b, z, options) end

--- x [..., inputs] times w [outputs, inputs], plus b [outputs] or nil
--- -> [..., outputs].
---@param x Tensor
---@param w Tensor
---@param b Tensor|nil
---@param options table|nil  epilogue ("none" or "relu")
---@return Tensor
function moon.linear(x, w, b, options) end

--- Normalises each channel of x [N, C, H, W]: in training by the batch's
--- statistics, which also move `mean` and `var` in place; else by those.
---@param x Tensor
---@param options table  weight, bias [C] or nil; mean, var [C]; eps (1e-5), momentum (0.1), training (false), epilogue ("none", "relu" or "relu_pool": also max_pool2d(2) of that)
---@return Tensor  # of the same shape, or pooled
function moon.batch_norm(x, options) end

--- The cross-entropy of logits [N, C] and labels i64 [N] from 0: a scalar. Also
--- of logits [C] or [N, C, ...]; labels have their shape without C. Labels of
--- the logits' own shape and dtype are shares of the classes, as mixup gives
--- them; their mean is over rows, and none is ignored.
---@param logits Tensor
---@param labels Tensor
---@param options table|nil  weight, of each class [C]; label_smoothing (0); ignore_index (-100), a label whose rows do not count; reduction: "mean", over the weights of the labels that count, "sum" or "none"
---@return Tensor
function moon.cross_entropy(logits, labels, options) end

--- The negative log-likelihood of labels i64 [N] from 0, given logarithms of
--- probabilities [N, C], as log_softmax makes them: a scalar. Also of [C] or
--- [N, C, ...].
---@param logs Tensor
---@param labels Tensor
---@param options table|nil  weight, ignore_index, reduction; see cross_entropy
---@return Tensor
function moon.nll(logs, labels, options) end

--- Runs `fn`; returns once every gradient of its backward passes is complete.
--- Raises if a task that it started has not ended.
---@param fn function
---@return any ...  # what `fn` returned
function moon.grad_scope(fn) end

--- fn(...), one tensor, without keeping activations: they are computed again
--- in the backward, with the same random numbers, and running statistics move
--- once. `fn` may wait. What it changes by itself it changes twice; tensors
--- that were computed outside belong among the arguments.
---@param fn function
---@param ... any  for `fn`
---@return Tensor  # what `fn` returned
function moon.recompute(fn, ...) end

--- A user-defined operation: a function of tensors (and other values).
---@param options table   name      for errors forward   function(ctx, ...) -> y, computed without recording backward  function(ctx, dy) -> dx, ...: one gradient per tensor argument of forward, nil where there is none
---@return fun(...): Tensor
function moon.op(options) end

--- A function that does what `fn` does, in every bit, and is quicker about it:
--- the first call (or two, where a device learns what is fastest) runs `fn` and
--- records the operations that it queues, backward passes, changes of gradients
--- and running statistics; later ones queue the same list anew, without Lua and
--- without a graph.
---
---   local step = moon.capture(function(x, y)
---     local loss = nn.cross_entropy(model(x), y)
---     opt:zero_grad()
---     loss:backward()
---     opt:step()
---     return loss
---   end)
---   for x, y in train:batches{ 128 } do total:add_(step(x, y)) end
---
--- Each call has random numbers of its own, and results that nobody overwrites.
--- Optimisers, schedules, averages, metrics and gardens do their part in Lua at
--- every call, so a rate may be assigned as ever; so does the alpha of seeds.
---
--- It records again for arguments of another shape, dtype, layout or device,
--- for other values of those that are no tensors, inside another autocast or
--- no_grad, when a model's modules, modes or seeds have changed, and where
--- gradients begin otherwise than they did. Everything else that `fn` reads in
--- Lua is as it was when it was recorded: numbers, tables, and tensors that the
--- host makes (moon.tensor); what it writes there is written once. An argument
--- that requires its gradient stands for itself alone.
---
--- `fn` returns tensors and plain values; a tensor whose graph no backward has
--- walked is an error. While it is recorded it cannot read values (item,
--- tostring, ...), wait, start tasks or use files: that is an error with the
--- line that does it.
---@param fn function
---@param options table|nil  check = n: each n-th call that could be a replay runs `fn` again and compares what it does with what was recorded: a difference is an error that names the first op that differs
---@return Capture  # to be called like `fn`; also :stats() and :forget()
function moon.capture(fn, options) end

--- Suspends for `ms` milliseconds.
---@param ms number  finite
function moon.sleep(ms) end

--- Runs functions (or awaits tasks) side by side.
---@param ... function|Task
---@return any ...  # the first result of each; or raises the first error, in the order of the arguments, once all have ended
function moon.gather(...) end

--- Runs `fn`, for `ms` milliseconds at most.
---@param ms number  math.huge: as long as it takes
---@param fn function
---@return any ...  # what `fn` returned; or raises its error, or that it is late
function moon.timeout(ms, fn) end

--- Runs `fn(...)` as a task to its end, and until its ops are complete. From
--- the main chunk an error is raised with the traceback of where it arose; in
--- a task this is as if spawned and awaited.
---@param fn function
---@param ... any  for `fn`
---@return any ...  # what `fn` returned
function moon.main(fn, ...) end

--- Starts `fn` as a child of the running task, on a stream of its own. It runs
--- when the caller next waits.
---@param fn function
---@param options TaskOptions|nil
---@return Task
function moon.spawn(fn, options) end

--- Lets luv and the other tasks have a turn. Does nothing where Lua cannot
--- yield.
function moon.yield() end

--- Suspends until everything submitted so far is complete, on all streams, and
--- frees what was released.
function moon.synchronize() end

--- Runs `fn` with `stream` as the current one.
---@param stream Stream
---@param fn function
---@return any ...  # what `fn` returned
function moon.on(stream, fn) end

--- The stream that ops are queued on now.
---@return Stream
function moon.stream() end

--- The streams of a device, the current one unless named.
---@param device string|nil
---@return Streams
function moon.streams(device) end

--- Runs `fn` and releases the tensors made inside that it does not return.
---@param fn function
---@return any ...  # what `fn` returned
function moon.tidy(fn) end

--- Writes tensors by name, in the order of their names, or (npy) one tensor,
--- and waits until the file is there. Until then there is the old file or none.
---@param path string
---@param tensors table<string, Tensor>|Tensor
---@param options table|nil  format: "safetensors", "npy" or "npz", else by extension
---@return integer  # bytes written
function moon.save(path, tensors, options) end

--- Reads the tensors of a file: safetensors or npz by name; npy, idx, png or
--- jpeg the one that is there, a picture as u8 [C, H, W]. A safetensors file
--- that was altered since moon.save wrote it is an error: it states its
--- checksum. Of npy, arrays in Fortran's order become views; i1, i2 and u2
--- become i32, u4 i64, f2 f32.
---@param path string
---@param options table|nil  format: "safetensors", "npy", "npz", "idx", "png" or "jpeg", else by extension
---@return table<string, Tensor>|Tensor  # by name, or the one
function moon.load(path, options) end

--- Runs `fn` without recording a graph.
---@param fn function
---@return any ...  # what `fn` returned
function moon.no_grad(fn) end

--- The current device: where creators put tensors.
---@return string  # "cpu", "cuda:0", ...
function moon.device() end

--- Makes `name` the current task's device; later tasks inherit it.
---@param name string
function moon.set_device(name) end

--- Starts the current task's random numbers at `rng_seed`.
---@param rng_seed integer
function moon.manual_seed(rng_seed) end

--- Runs `fn`, inside which products are computed in `dtype`: "bf16", on a GPU
--- also "f16", or "f32", as outside. Weights, their gradients and the
--- optimiser's state stay f32. What the forward did holds for its gradients,
--- whenever these are computed.
---
--- On a GPU, as in PyTorch's autocast: convolutions, linear, matmul, bmm and
--- attention cast what they are given and give tensors of `dtype`, and so what
--- lies between them (norms with f32 parameters, ReLU, pooling, dropout) is
--- computed on half of the bytes. Sums, means and other reductions, cumsum,
--- softmax, losses, exp, log and powers give f32, and so does arithmetic of a
--- tensor of `dtype` with one of f32. Unlike there, layer_norm and group_norm
--- give their input's dtype, and a weight is cast anew at each use. f16 has a
--- small range: scale the loss, see moon.optim.Optimiser.scale.
---
--- On the CPU tensors stay f32. Convolutions, linear and matmul round their
--- factors to bf16 (8 bits of precision) inside the kernels, where that is
--- faster, and add their products in f32. Shapes alone say what is faster:
--- small and depthwise products and convolutions that Winograd's method suits
--- are not rounded.
---
--- Nowhere are tensors of f64 cast.
---@param dtype "bf16"|"f16"|"f32"
---@param fn function
---@return any ...  # what `fn` returned
function moon.autocast(dtype, fn) end

--- Counts of the runtime, see moon_stats in core/moonseed.h.
---@return table<string, number>
function moon.stats() end

--- Sets the limit on the memory of tensors on a device; "cpu", "ref" and "sim"
--- share the host's.
---@param nbytes number
---@param device string|nil  the current one unless given
function moon.set_memory_limit(nbytes, device) end

--- How products of f32 submitted from now on are computed, and their gradients:
--- "fast" (as at first) or "strict". On the CPU "fast" convolutions of 3x3 and
--- stride 1 go by Winograd's method where their shapes suit it, with an error
--- of some 1e-6 of the largest value; "strict" ones all go the direct way, with
--- 1e-6 and less. On a GPU "fast" convolutions, linear and matmul round their
--- factors to TF32 (11 bits of precision, an error of some 1e-3), "strict" ones
--- do not.
---@param name "fast"|"strict"
function moon.set_precision(name) end

--- What set_precision said last.
---@return "fast"|"strict"
function moon.precision() end

--- How many CPU cores the workers use.
---@return integer
function moon.threads() end

--- Sets how many CPU cores the workers use, at any time; changes no bit.
---@param n integer
function moon.set_threads(n) end

--- Switches: sync (every op is complete when its call returns), sites (errors
--- of ops name the line that submitted them), nan (an op that gives NaN or
--- infinity fails). What is not named is off.
---@param options table|nil
function moon.debug(options) end

--- How tensors are printed from now on; what is not given stays.
---@param given table|nil  precision (4), digits after the point; threshold (1000), the most elements that are shown in full; edge (3), how many of a dimension's first and last are shown of more; width, columns, at least 20 (0: 78, in a session the terminal's)
---@return table  # the options as they were, for another call
function moon.set_printoptions(given) end

--- As Lua's print, but waits for tensors without blocking the loop.
---@param ... any
function moon.print(...) end

--- Scaled dot-product attention, softmax(scale q k^T + mask) v along the keys:
--- q [..., L, E], k [..., S, E], v [..., S, V] -> [..., L, V]; the dimensions
--- in front broadcast. Memory is linear in L and S.
---@param q Tensor
---@param k Tensor
---@param v Tensor
---@param options table|nil  causal (false): query i meets keys 1 to i alone; mask, a tensor that repeats to [..., L, S]: bool, true where a key takes part, or of q's dtype, added to the scores; scale (1 / sqrt(E))
---@return Tensor  # 0 for a query that meets no key
function moon.attention(q, k, v, options) end

--- Rows of a table by their numbers: index i64 [...], weight [V, D]
--- -> [..., D].
---@param index Tensor
---@param weight Tensor
---@param options table|nil  padding: the number, from 0, of a row that gets no gradient
---@return Tensor
function moon.embedding(index, weight, options) end

--- A 1 in the place that each number names: i64 [...] -> [..., classes].
---@param index Tensor
---@param classes integer
---@param options table|nil  dtype (i64)
---@return Tensor
function moon.one_hot(index, classes, options) end

--- The options of max_pool2d as the core takes them.
---@param options table  kernel (or first), stride (= kernel), padding: each a number or { height, width }; ceil_mode (false): the last window may reach beyond the padding
---@return userdata  # moon_pool2d_params
function moon.max_pool2d_params(options) end

--- The options of avg_pool2d as the core takes them.
---@param options table  kernel (or first), stride (= kernel), padding: each a number or { height, width }; ceil_mode (false): the last window may reach beyond the padding; count_padding (true): padding counts, as zeros
---@return userdata  # moon_avg_pool2d_params
function moon.avg_pool2d_params(options) end

--- The options of conv_transpose2d as the core takes them.
---@param options table|nil  stride, padding, output_padding, dilation (a number, or { height, width }), groups
---@return userdata  # moon_conv_transpose2d_params
function moon.conv_transpose2d_params(options) end

--- Transposed convolution, the gradient of conv2d as a function:
--- x [N, C, H, W], w [C, K / groups, kH, kW], b [K] or nil -> [N, K, oH, oW].
---@param x Tensor
---@param w Tensor
---@param b Tensor|nil
---@param options table|Tensor|nil  see conv_transpose2d_params
---@return Tensor
function moon.conv_transpose2d(x, w, b, options) end

--- Reads a module again. Raises, and changes nothing, if the new text does not
--- compile, fails when it runs, or returns something of another type.
---@param name string  the module's name, or its file
---@param options table|nil  watch: also whenever the file changes; on_event: told then, { kind = "reloaded" or "reload_failed", module, path, changed, added, removed or why }; printed unless given
---@return table  # event  as on_event is told
function moon.reload(name, options) end

--- Also functions of moon: moon.relu(x) is x:relu().
---@class Tensor
---@field grad Tensor|nil  the gradient, or nil before any backward; assigning nil clears it
---@field needs_grad boolean  whether a backward would compute something for this tensor
---@field [integer] Tensor  the row at a position, a view; assigning a number or a tensor fills it
---@operator add(Tensor|number): Tensor
---@operator sub(Tensor|number): Tensor
---@operator mul(Tensor|number): Tensor
---@operator div(Tensor|number): Tensor
---@operator pow(Tensor|number): Tensor
---@operator unm: Tensor
---@operator len: integer
local Tensor = {}

--- Extents, as a list.
---@return integer[]
function Tensor:shape() end

--- The extent of one dimension.
---@param dim integer  from 1, or from -1 down
---@return integer
function Tensor:size(dim) end

--- How many dimensions there are.
---@return integer
function Tensor:ndim() end

--- The number of elements.
---@return integer
function Tensor:numel() end

--- The type of the elements.
---@return string  # f32, f64, i64, i32, u8, bool, bf16 or f16
function Tensor:dtype() end

--- Where the memory is.
---@return string  # cpu, cuda:0
function Tensor:device() end

--- A number that no other tensor has: the same for every handle of a tensor.
---@return integer
function Tensor:id() end

--- Whether the tensor's value is there, so that reading it would not wait.
---@return boolean
function Tensor:is_ready() end

--- Makes this leaf one that wants its gradient; false: not any more.
---@param on boolean|nil
---@return Tensor  # the tensor
function Tensor:requires_grad(on) end

--- Cuts the memory into `n` regions along the first dimension: views of
--- different ones depend on nothing of each other.
---@param n integer
---@return Tensor  # the tensor
function Tensor:split_regions(n) end

--- Whether t == other, element by element.
---@param other Tensor|number|boolean
---@return Tensor  # bool, of the shape that both broadcast to
function Tensor:eq(other) end

--- Whether t >= other, element by element.
---@param other Tensor|number|boolean
---@return Tensor  # bool, of the shape that both broadcast to
function Tensor:ge(other) end

--- Whether t > other, element by element.
---@param other Tensor|number|boolean
---@return Tensor  # bool, of the shape that both broadcast to
function Tensor:gt(other) end

--- Whether t <= other, element by element.
---@param other Tensor|number|boolean
---@return Tensor  # bool, of the shape that both broadcast to
function Tensor:le(other) end

--- Whether t < other, element by element.
---@param other Tensor|number|boolean
---@return Tensor  # bool, of the shape that both broadcast to
function Tensor:lt(other) end

--- Whether t ~= other, element by element.
---@param other Tensor|number|boolean
---@return Tensor  # bool, of the shape that both broadcast to
function Tensor:ne(other) end

--- t + other; shapes broadcast, dtypes are the
--- same.
---@param other Tensor|number
---@return Tensor
function Tensor:add(other) end

--- t - other; shapes broadcast, dtypes are the
--- same.
---@param other Tensor|number
---@return Tensor
function Tensor:sub(other) end

--- t * other, element by element; shapes broadcast, dtypes are the
--- same.
---@param other Tensor|number
---@return Tensor
function Tensor:mul(other) end

--- t / other; shapes broadcast, dtypes are the
--- same.
---@param other Tensor|number
---@return Tensor
function Tensor:div(other) end

--- t ^ other; shapes broadcast, dtypes are the
--- same.
---@param other Tensor|number
---@return Tensor
function Tensor:pow(other) end

--- -t.
---@return Tensor
function Tensor:neg() end

--- The product of matrices a [..., M, K] and b [..., K, N] -> [..., M, N];
--- the dimensions in front broadcast. A vector is a row on the left, a column
--- on the right, and leaves no dimension behind.
---@param b Tensor
---@return Tensor
function Tensor:matmul(b) end

--- The products of as many pairs: a [B, M, K], b [B, K, N] -> [B, M, N].
---@param b Tensor
---@return Tensor
function Tensor:bmm(b) end

--- exp(x) over its sum along `dim` (the last unless given).
---@param dim integer|nil
---@return Tensor  # of the same shape
function Tensor:softmax(dim) end

--- The logarithm of the softmax along `dim` (the last unless given).
---@param dim integer|nil
---@return Tensor  # of the same shape
function Tensor:log_softmax(dim) end

--- The tensor as another dtype, on another device, or both; itself if it is
--- that.
---@param what string  a dtype or a device
---@param other string|nil  the other of the two
---@param ... nil  no more
---@return Tensor  # the tensor
function Tensor:to(what, other, ...) end

--- A copy.
---@return Tensor  # with memory of its own
function Tensor:clone() end

--- The same values without the graph; shares the memory.
---@return Tensor
function Tensor:detach() end

--- The tensor in row-major order: itself, or a copy.
---@return Tensor
function Tensor:contiguous() end

--- y = x, which is repeated to y's shape.
---@param x Tensor
---@return Tensor  # y
function Tensor:copy_(x) end

--- y = value everywhere.
---@param value number|boolean
---@return Tensor  # y
function Tensor:fill_(value) end

--- y = y + alpha x; x is a tensor, repeated to y's shape, or a number.
---@param x Tensor|number
---@param alpha number|nil  1 unless given
---@return Tensor  # y
function Tensor:add_(x, alpha) end

--- Device-side statistics: f32 [3], Euclidean norm, share of zeros, count of
--- values that are not finite.
---@return Tensor
function Tensor:statistics() end

--- The statistics of the tensor's gradient; nil without one.
---@return Tensor|nil  # f32 [3]
function Tensor:grad_stats() end

--- The absolute value of each element.
---@return Tensor
function Tensor:abs() end

--- -1, 0 or 1 as each element is below, at or above 0; of NaN, 0.
---@return Tensor
function Tensor:sign() end

--- The nearest whole number below each element; its gradient is 0.
---@return Tensor
function Tensor:floor() end

--- The nearest whole number above each element; its gradient is 0.
---@return Tensor
function Tensor:ceil() end

--- The nearest whole number, of two the even one; its gradient is 0.
---@return Tensor
function Tensor:round() end

--- Each element, but at least `min` and at most `max`. Outside, and where x is
--- NaN, which stays, the gradient is 0.
---@param min number|nil  none unless given
---@param max number|nil  none unless given
---@return Tensor
function Tensor:clamp(min, max) end

--- e to the power of each element.
---@return Tensor
function Tensor:exp() end

--- The natural logarithm of each element.
---@return Tensor
function Tensor:log() end

--- The square root of each element.
---@return Tensor
function Tensor:sqrt() end

--- The sine of each element.
---@return Tensor
function Tensor:sin() end

--- The cosine of each element.
---@return Tensor
function Tensor:cos() end

--- The error function of each element.
---@return Tensor
function Tensor:erf() end

--- max(x, 0), element by element.
---@return Tensor
function Tensor:relu() end

--- 1 / (1 + e^-x) of each element.
---@return Tensor
function Tensor:sigmoid() end

--- The hyperbolic tangent of each element.
---@return Tensor
function Tensor:tanh() end

--- x times its sigmoid, also called swish.
---@return Tensor
function Tensor:silu() end

--- x times the normal distribution's P(X <= x): Hendrycks and Gimpel 2016.
---@param options table|nil  approximate: "none", or "tanh" for their formula with a tanh
---@return Tensor
function Tensor:gelu(options) end

--- x above 0, slope x below.
---@param slope number|nil  0.01 unless given
---@return Tensor
function Tensor:leaky_relu(slope) end

--- x above 0, alpha (e^x - 1) below: Clevert et al. 2016.
---@param alpha number|nil  1 unless given
---@return Tensor
function Tensor:elu(alpha) end

--- log(1 + e^(beta x)) / beta; x itself where beta x is above the threshold.
---@param options table|nil  beta (1), threshold (20)
---@return Tensor
function Tensor:softplus(options) end

--- Whether each element is NaN.
---@return Tensor  # bool
function Tensor:isnan() end

--- Whether each element is infinite.
---@return Tensor  # bool
function Tensor:isinf() end

--- Whether each element is neither NaN nor infinite.
---@return Tensor  # bool
function Tensor:isfinite() end

--- The smaller of two tensors, element by element; NaN where one is. Equals
--- share the gradient.
---@param b Tensor|number
---@return Tensor
function Tensor:minimum(b) end

--- The larger of two tensors, element by element; NaN where one is. Equals
--- share the gradient.
---@param b Tensor|number
---@return Tensor
function Tensor:maximum(b) end

--- Of a where the condition holds, of b elsewhere: moon.where(c, a, b), or
--- c:where(a, b). All broadcast; a and b are of one dtype.
---@param a Tensor|number
---@param b Tensor|number  both numbers: f32
---@return Tensor
function Tensor:where(a, b) end

--- x, but `value` where the mask holds.
---@param mask Tensor  bool, repeated to x's shape
---@param value number|Tensor  a number, or one element of x's dtype
---@return Tensor  # of x's shape
function Tensor:masked_fill(mask, value) end

--- Whether each element is false, or 0.
---@return Tensor  # bool
function Tensor:logical_not() end

--- Whether both are true, or not 0, element by element.
---@param b Tensor  of a's dtype
---@return Tensor  # bool
function Tensor:logical_and(b) end

--- Whether one is true, or not 0, or both are, element by element.
---@param b Tensor  of a's dtype
---@return Tensor  # bool
function Tensor:logical_or(b) end

--- Whether just one is true, or not 0, element by element.
---@param b Tensor  of a's dtype
---@return Tensor  # bool
function Tensor:logical_xor(b) end

--- Whether all elements are true, or not 0.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor  # bool
function Tensor:all(over, options) end

--- Whether any element is true, or not 0.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor  # bool
function Tensor:any(over, options) end

--- Places of the first largest along a dimension, along
--- those of a list as if they were one (the last named runs fastest), or among all;
--- i64, from 0.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor
function Tensor:argmax(over, options) end

--- Places of the first smallest along a dimension, along
--- those of a list as if they were one (the last named runs fastest), or among all;
--- i64, from 0.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor
function Tensor:argmin(over, options) end

--- The logarithm of the sum of e^t.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor
function Tensor:logsumexp(over, options) end

--- The largest values.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor  # values
---@return Tensor|nil  # over one dimension: their places, i64, from 0
function Tensor:max(over, options) end

--- The mean.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor
function Tensor:mean(over, options) end

--- The smallest values.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor  # values
---@return Tensor|nil  # over one dimension: their places, i64, from 0
function Tensor:min(over, options) end

--- The Euclidean norm.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor
function Tensor:norm(over, options) end

--- The product, of integers in i64.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor
function Tensor:prod(over, options) end

--- The root of the unbiased variance.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor
function Tensor:std(over, options) end

--- The sum.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor
function Tensor:sum(over, options) end

--- The unbiased variance.
---@param over integer|table|nil  a dimension, or a list of them, which may hold keepdim; all unless given
---@param options table|nil  keepdim (false)
---@return Tensor
function Tensor:var(over, options) end

--- The sums of the elements up to each one along a dimension; of integers and
--- bool in i64.
---@param dim integer
---@return Tensor  # of the same shape
function Tensor:cumsum(dim) end

--- The same elements under another shape; copies when it must. One extent may
--- be -1: what is left.
---@param ... integer|integer[]  extents, or one list of them
---@return Tensor
function Tensor:reshape(...) end

--- As reshape, but raises where that would copy.
---@param ... integer|integer[]  extents, or one list of them
---@return Tensor  # shares the memory
function Tensor:view(...) end

--- The same tensor, but a gradient that comes back with an error arrives as
--- zero: before a branch that may fail by itself.
---@return Tensor  # shares the memory
function Tensor:shield() end

--- Repeats dimensions of size 1 without copying; -1 keeps an extent.
---@param ... integer|integer[]  extents, or one list of them
---@return Tensor  # shares the memory
function Tensor:expand(...) end

--- The dimensions in another order: each once, as numbers or one list.
---@param ... integer|integer[]  dimensions, from 1 or from -1 down
---@return Tensor  # shares the memory
function Tensor:permute(...) end

--- The transpose of a matrix.
---@return Tensor  # shares the memory
function Tensor:t() end

--- Two dimensions exchanged.
---@param a integer
---@param b integer
---@return Tensor  # shares the memory
function Tensor:transpose(a, b) end

--- A new dimension of size 1.
---@param dim integer  where it is afterwards
---@return Tensor  # shares the memory
function Tensor:unsqueeze(dim) end

--- Without dimensions of size 1: all of them, or one, which stays if it has
--- another size.
---@param dim integer|nil
---@return Tensor  # shares the memory
function Tensor:squeeze(dim) end

--- A run of dimensions as one; copies when it must.
---@param first integer|nil  1 unless given
---@param last integer|nil  the last unless given
---@return Tensor
function Tensor:flatten(first, last) end

--- `length` positions along `dim` from `start` on.
---@param dim integer
---@param start integer
---@param length integer
---@return Tensor  # shares the memory
function Tensor:narrow(dim, start, length) end

--- The part at one position along `dim`, without that dimension.
---@param dim integer
---@param position integer
---@return Tensor  # shares the memory
function Tensor:select(dim, position) end

--- Views of parts along a dimension (the first unless given).
---@param size integer|integer[]  of each but the last, which has what is left; or of each
---@param dim integer|nil
---@return Tensor[]  # they share the memory
function Tensor:split(size, dim) end

--- Views of at most `n` parts of one size, but for a smaller last one.
---@param n integer
---@param dim integer|nil  the first unless given
---@return Tensor[]  # they share the memory
function Tensor:chunk(n, dim) end

--- Views of all positions along a dimension (the first unless given), without
--- it.
---@param dim integer|nil
---@return Tensor[]  # they share the memory
function Tensor:unbind(dim) end

--- The parts along `dim` that an i64 [n] tensor names.
---@param dim integer
---@param index Tensor  a tensor
---@return Tensor  # a copy, with n positions along `dim`
function Tensor:index_select(dim, index) end

--- One element per element of an i64 tensor of as many dimensions, which names
--- its place along `dim`.
---@param dim integer
---@param index Tensor  a tensor
---@return Tensor  # of the index's shape
function Tensor:gather(dim, index) end

--- Suspends until the value is there; raises the error it carries.
---@return Tensor  # the tensor
function Tensor:await() end

--- The one value of a tensor, as a Lua number or boolean.
---@return number|boolean
function Tensor:item() end

--- The values as nested tables; a number or boolean for a scalar.
---@return table|number|boolean
function Tensor:totable() end

--- Calls fn(pointer, n) with a pointer to the first of n elements, row by row,
--- of the tensor's dtype (uint8_t for bool, uint16_t for bf16 and f16), once
--- the values are there. With write = true it waits until nobody else uses the
--- memory, too, and the pointer is not const. The pointer is good until fn
--- ends; before that, ops that would write the tensor (with write: touch it)
--- are refused. A tensor that does not lie row by row is an error: map
--- t:contiguous().
---@param fn function
---@param options table|nil  write (false)
---@return any ...  # what `fn` returned
function Tensor:map(fn, options) end

--- The mean of each channel: x [N, C, H, W] -> [N, C].
---@return Tensor
function Tensor:global_avg_pool2d() end

--- Normalises each image's channels in `groups` groups of neighbours, each over
--- all its values: x [N, C, ...]. In four dimensions the result is
--- channels-last in memory.
---@param groups integer  divides C
---@param weight Tensor|nil  [C]; 1 unless given
---@param bias Tensor|nil  [C]; 0 unless given
---@param options table|nil  eps (1e-5)
---@return Tensor  # of the same shape
function Tensor:group_norm(groups, weight, bias, options) end

--- Zeroes each value with probability `p`, scales the others by 1 / (1 - p).
---@param p number  in [0, 1)
---@return Tensor  # of the same shape
function Tensor:dropout(p) end

--- A host's features h with a seed's output s, by as much as alpha says: add is
--- (1 - alpha) h + alpha s, multiply is h (1 + alpha tanh(s - x)). Where alpha
--- is 0 the result is h, whatever s is; of an s that carries an error, too, and
--- the gradient of h is then that of the result.
---@param s Tensor  of h's shape
---@param alpha Tensor  one element, or [N, 1, ..., 1]: one per image
---@param options table|nil  kind ("add" or "multiply"); x, what the seed was given, of h's shape: for multiply, else unused
---@return Tensor  # of h's shape
function Tensor:blend(s, alpha, options) end

--- Enqueues the gradients of everything that `y` was computed from, and adds
--- them to the leaves'.
---@param dy Tensor|nil  the gradient of y; needless for one element
function Tensor:backward(dy) end

--- Keeps the tensor beyond the moon.tidy that it was made in.
---@return Tensor  # the tensor
function Tensor:keep() end

--- Gives the tensor's memory back now. Using it, or a view of it, is an error
--- from here on.
function Tensor:dispose() end

--- Some dimensions backwards.
---@param ... integer|integer[]  dimensions, or one list of them
---@return Tensor  # a copy
function Tensor:flip(...) end

--- Elements move on by `shifts` places along `dims`; those that leave at the
--- end come in at the front.
---@param shifts integer|integer[]
---@param dims integer|integer[]|nil  as many; nil: along the flattened tensor
---@return Tensor  # a copy
function Tensor:roll(shifts, dims) end

--- Each of the last dimensions repeated as a whole: PyTorch's `repeat`, a word
--- that Lua keeps for itself, and NumPy's `tile`.
---@param ... integer|integer[]  how often; more than x has: new ones in front
---@return Tensor  # a copy
function Tensor:tile(...) end

--- Of each matrix of the last two dimensions what lies on and below a diagonal,
--- zeros elsewhere.
---@param diagonal integer|nil  0, the main one, unless given; 1: the one above
---@return Tensor  # of the same shape
function Tensor:tril(diagonal) end

--- Of each matrix of the last two dimensions what lies on and above a diagonal,
--- zeros elsewhere.
---@param diagonal integer|nil  0, the main one, unless given; 1: the one above
---@return Tensor  # of the same shape
function Tensor:triu(diagonal) end

--- Places before and behind the last dimensions, height before width:
--- x:pad({ { top, bottom }, { left, right } }).
---@param pairs_of integer[][]  a pair { before, behind } for each of the last dimensions; less than 0 crops (constant alone)
---@param options table|nil  mode: "constant" (unless given), "reflect", "replicate" or "circular"; value (0), for constant
---@return Tensor  # a copy
function Tensor:pad(pairs_of, options) end

--- Normalises each run of x's last dimensions to mean 0 and variance 1, then
--- scales by weight and shifts by bias (Ba et al. 2016).
---@param shape integer|integer[]  of the dimensions that are normalised
---@param weight Tensor|nil  of that shape; 1 unless given
---@param bias Tensor|nil  of that shape; 0 unless given
---@param options table|nil  eps (1e-5)
---@return Tensor  # of the same shape
function Tensor:layer_norm(shape, weight, bias, options) end

--- Normalises each channel of each image by itself: x [N, C, ...].
---@param weight Tensor|nil  [C]; 1 unless given
---@param bias Tensor|nil  [C]; 0 unless given
---@param options table|nil  eps (1e-5)
---@return Tensor  # of the same shape
function Tensor:instance_norm(weight, bias, options) end

--- The elements of `from` added where an i64 tensor of its shape says, along
--- `dim`.
---@param dim integer
---@param index Tensor  of as many dimensions as x, places from 0
---@param from Tensor  of the index's shape
---@return Tensor  # of x's shape
function Tensor:scatter_add(dim, index, from) end

--- Each line along `dim` in order; equals keep theirs, NaN is the largest.
---@param dim integer|nil  the last unless given
---@param options table|nil  descending (false)
---@return Tensor  # values
---@return Tensor  # i64, where they were, from 0
function Tensor:sort(dim, options) end

--- Where the elements of each line along `dim` are in order: of sort the second
--- result.
---@param dim integer|nil  the last unless given
---@param options table|nil  descending (false)
---@return Tensor  # i64, from 0
function Tensor:argsort(dim, options) end

--- The k largest of each line along `dim`, the largest first.
---@param k integer
---@param dim integer|nil  the last unless given
---@param options table|nil  largest (true); false: the smallest, the smallest first
---@return Tensor  # values
---@return Tensor  # i64, where they were, from 0
function Tensor:topk(k, dim, options) end

--- The largest of each window: x [N, C, H, W] -> [N, C, oH, oW].
---@param options table|integer  see max_pool2d_params; a number is the kernel
---@return Tensor
function Tensor:max_pool2d(options) end

--- The largest of windows that cover x, so many that the output has the size
--- asked for: x [N, C, H, W] -> [N, C, size].
---@param size integer|integer[]  height and width, or { height, width }
---@return Tensor
function Tensor:adaptive_max_pool2d(size) end

--- The mean of each window: x [N, C, H, W] -> [N, C, oH, oW].
---@param options table|Tensor|integer  see avg_pool2d_params; a number is the kernel
---@return Tensor
function Tensor:avg_pool2d(options) end

--- Means of windows that cover x, so many that the output has the size asked
--- for: x [N, C, H, W] -> [N, C, size].
---@param size integer|integer[]  height and width, or { height, width }
---@return Tensor
function Tensor:adaptive_avg_pool2d(size) end

--- The windows that a convolution sees, as columns: x [N, C, H, W]
--- -> [N, C kH kW, places].
---@param options table|integer  kernel (or first), stride, padding, dilation; a number is the kernel
---@return Tensor
function Tensor:unfold(options) end

--- Columns summed back into images, the gradient of unfold as a function:
--- x [N, C kH kW, places] -> [N, C, size].
---@param options table  size and kernel (or first and second), stride, padding, dilation
---@return Tensor
function Tensor:fold(options) end

--- `moon.nn`: layers, each read from its own file when first asked for. None
--- keeps what it is given or gives, beyond the graph: temporary.lua counts on
--- it.
---@class nn
local nn = {}

--- Binary cross-entropy of logits, told from the side that keeps its digits.
---
--- For each logit x and target y in [0, 1] the cross-entropy of y and the
--- sigmoid of x, and their mean.
---@param logits Tensor
---@param target Tensor  of their shape
---@param options table|nil  pos_weight, a tensor that broadcasts to their shape: what y's own share counts; weight, likewise, what an element counts; reduction: "mean", "sum" or "none"
---@return Tensor
function nn.bce_with_logits(logits, target, options) end

--- nn.copy(module): the same module again, with tensors of its own.
---
--- What is shared inside (a tensor or a module under two names) is shared in the
--- copy. Of plain fields, tensors and plain tables are copied too, with modules
--- in them replaced by their copies; objects of other classes and functions are
--- taken over as they are. A class for which that is not enough has a method
--- `copied(original, copy)`, called on the copy at the end, where copy(value)
--- gives what became of a module, tensor or plain table. Gradients and hooks are
--- left behind, and so is memory that two tensors share as views.
---
--- A copy of a module that shares no memory with it. Enqueues.
---@param module Module
---@return Module
function nn.copy(module) end

--- The cross-entropy of logits [N, C] and labels i64 [N] from 0: a scalar. Also
--- of logits [C] or [N, C, ...]; labels have their shape without C. Labels of
--- the logits' own shape and dtype are shares of the classes, as mixup gives
--- them; their mean is over rows, and none is ignored.
---@param logits Tensor
---@param labels Tensor
---@param options table|nil  weight, of each class [C]; label_smoothing (0); ignore_index (-100), a label whose rows do not count; reduction: "mean", over the weights of the labels that count, "sum" or "none"
---@return Tensor
function nn.cross_entropy(logits, labels, options) end

--- Huber's loss (1964): squared near 0, straight beyond delta.
---
--- d^2 / 2 of each difference d up to delta, delta (|d| - delta / 2) beyond,
--- and their mean.
---@param input Tensor
---@param target Tensor  of its shape
---@param options table|nil  delta (1), above 0; reduction: "mean", "sum" or "none"
---@return Tensor
function nn.huber(input, target, options) end

--- The Kullback-Leibler divergence of a distribution from its logarithms.
---
--- target (log target - input) of each element, and their mean; 0 where the
--- target is.
---@param input Tensor  logarithms of probabilities
---@param target Tensor  probabilities, of its shape
---@param options table|nil  log_target (false): the target is logarithms, too; reduction: "mean", "batchmean" (the sum over the first extent), "sum" or "none"
---@return Tensor
function nn.kl_div(input, target, options) end

--- The mean absolute error.
---
--- |input - target| of each element, and their mean.
---@param input Tensor
---@param target Tensor  of its shape
---@param options table|nil  reduction: "mean", "sum" or "none"
---@return Tensor
function nn.l1(input, target, options) end

--- The mean squared error.
---
--- (input - target)^2 of each element, and their mean.
---@param input Tensor
---@param target Tensor  of its shape
---@param options table|nil  reduction: "mean", "sum" or "none"
---@return Tensor
function nn.mse(input, target, options) end

--- The negative log-likelihood of labels i64 [N] from 0, given logarithms of
--- probabilities [N, C], as log_softmax makes them: a scalar. Also of [C] or
--- [N, C, ...].
---@param logs Tensor
---@param labels Tensor
---@param options table|nil  weight, ignore_index, reduction; see cross_entropy
---@return Tensor
function nn.nll(logs, labels, options) end

--- The smooth L1 loss: Huber's loss over beta (Girshick 2015).
---
--- d^2 / (2 beta) of each difference d up to beta, |d| - beta / 2 beyond, and
--- their mean.
---@param input Tensor
---@param target Tensor  of its shape
---@param options table|nil  beta (1); of beta 0 it is nn.l1; reduction: "mean", "sum" or "none"
---@return Tensor
function nn.smooth_l1(input, target, options) end

--- Means of windows that cover x, whatever its size: x [N, C, H, W]
--- -> [N, C, size].
---
--- nn.AdaptiveAvgPool2d{ size }
--- size: a number, or { height, width }.
---@class AdaptiveAvgPool2d: Module
---@overload fun(options: table): AdaptiveAvgPool2d
local AdaptiveAvgPool2d = {}

--- The largest of windows that cover x, whatever its size: x [N, C, H, W]
--- -> [N, C, size].
---
--- nn.AdaptiveMaxPool2d{ size }
--- size: a number, or { height, width }.
---@class AdaptiveMaxPool2d: Module
---@overload fun(options: table): AdaptiveMaxPool2d
local AdaptiveMaxPool2d = {}

--- The mean of each window: x [N, C, H, W] -> [N, C, oH, oW].
---
--- nn.AvgPool2d{ kernel, stride = kernel, padding = 0, ceil_mode = false, count_padding = true }
--- kernel, stride, padding: a number, or { height, width }. ceil_mode: the last
--- window may reach beyond the padding. count_padding: padding counts as zeros.
---@class AvgPool2d: Module
---@overload fun(options: table): AvgPool2d
local AvgPool2d = {}

--- Normalises each channel of x [N, C, H, W] to mean 0 and variance 1, then
--- scales by weight [C] and shifts by bias [C] (Ioffe and Szegedy 2015). In
--- training by the batch's statistics, which also move the running ones; in
--- evaluation by the running ones.
---
--- nn.BatchNorm2d{ channels, eps = 1e-5, momentum = 0.1, affine = true }
--- momentum: the share of the new statistics in the running ones.
---@class BatchNorm2d: Module
---@overload fun(options: table): BatchNorm2d
local BatchNorm2d = {}

--- forward and ReLU in one kernel.
---@param x Tensor  [N, C, H, W]
---@return Tensor
function BatchNorm2d:forward_relu(x) end

--- forward, ReLU and MaxPool2d{ 2 }, on a GPU in one kernel.
---@param x Tensor  [N, C, H, W]
---@return Tensor  # [N, C, H/2, W/2]
function BatchNorm2d:forward_relu_pool(x) end

--- Convolution: x [N, C, H, W], weight [K, C / groups, kH, kW], bias [K]
--- -> [N, K, oH, oW].
---
--- nn.Conv2d{ inputs, outputs, kernel = 3, stride = 1, padding = 0, dilation = 1, groups = 1, bias = true }
--- kernel, stride, padding, dilation: a number, or { height, width }; padding
--- "same": the output is as large as the input, at stride 1; "valid": none.
---@class Conv2d: Module
---@overload fun(options: table): Conv2d
local Conv2d = {}

--- forward plus z, in one kernel where the device has one; not with padding
--- "same" where that leaves a row or a column out.
---@param x Tensor  [N, C, H, W]
---@param z Tensor  [N, K, oH, oW], or what repeats to it
---@return Tensor
function Conv2d:forward_add(x, z) end

--- Transposed convolution: x [N, C, H, W], weight [C, K / groups, kH, kW],
--- bias [K] -> [N, K, oH, oW].
---
--- nn.ConvTranspose2d{ inputs, outputs, kernel = 3, stride = 1, padding = 0, output_padding = 0, dilation = 1, groups = 1, bias = true }
--- kernel, stride, paddings, dilation: a number, or { height, width }.
---@class ConvTranspose2d: Module
---@overload fun(options: table): ConvTranspose2d
local ConvTranspose2d = {}

--- In training, zeroes all of an image's values with probability p and scales
--- the others' by 1 / (1 - p); in evaluation, the identity. As the last layer
--- of an nn.Residual it is stochastic depth (Huang et al. 2016).
---
--- nn.DropPath{ p }
---@class DropPath: Module
---@overload fun(options: table): DropPath
local DropPath = {}

--- In training, zeroes each value with probability p and scales the others by
--- 1 / (1 - p); in evaluation, the identity.
---
--- nn.Dropout{ p }
---@class Dropout: Module
---@overload fun(options: table): Dropout
local Dropout = {}

--- y = x above 0, alpha (e^x - 1) below: Clevert et al. 2016.
---
--- nn.ELU{ alpha = 1 }
---@class ELU: Module
---@overload fun(options: table): ELU
local ELU = {}

--- A row of features for each number: i64 [...] from 0 -> [..., features].
---
--- nn.Embedding{ count, features, padding = nil }
--- padding: a number, from 0, whose features are zeros and stay so.
---@class Embedding: Module
---@overload fun(options: table): Embedding
local Embedding = {}

--- x [N, ...] -> [N, the rest].
---
--- nn.Flatten{}
---@class Flatten: Module
---@overload fun(): Flatten
local Flatten = {}

--- y = x P(X <= x) of the normal distribution: Hendrycks and Gimpel 2016.
---
--- nn.GELU{ approximate = "none" }
--- : "tanh" for their formula with a tanh.
---@class GELU: Module
---@overload fun(options: table): GELU
local GELU = {}

--- The mean of each channel: x [N, C, H, W] -> [N, C].
---
--- nn.GlobalAvgPool2d{}
---@class GlobalAvgPool2d: Module
---@overload fun(): GlobalAvgPool2d
local GlobalAvgPool2d = {}

--- Normalises each image's channels in groups to mean 0 and variance 1, then
--- scales by weight [C] and shifts by bias [C] (Wu and He 2018). It knows no
--- batch: training and evaluation are the same.
---
--- nn.GroupNorm{ groups, channels, eps = 1e-5, affine = true }
---@class GroupNorm: Module
---@overload fun(options: table): GroupNorm
local GroupNorm = {}

--- y = x.
---
--- nn.Identity{}
---@class Identity: Module
---@overload fun(): Identity
local Identity = {}

--- Normalises each channel of each image by itself (Ulyanov et al. 2016). It
--- knows no batch: training and evaluation are the same.
---
--- nn.InstanceNorm2d{ channels, eps = 1e-5, affine = false }
---@class InstanceNorm2d: Module
---@overload fun(options: table): InstanceNorm2d
local InstanceNorm2d = {}

--- Normalises each run of the last dimensions to mean 0 and variance 1, then
--- scales by weight and shifts by bias (Ba et al. 2016).
---
--- nn.LayerNorm{ shape, eps = 1e-5, affine = true }
--- shape: of the dimensions that are normalised, a number or a list.
---@class LayerNorm: Module
---@overload fun(options: table): LayerNorm
local LayerNorm = {}

--- y = x above 0, slope x below.
---
--- nn.LeakyReLU{ slope = 0.01 }
---@class LeakyReLU: Module
---@overload fun(options: table): LeakyReLU
local LeakyReLU = {}

--- y = x w^T + b: x [..., inputs] -> [..., outputs].
---
--- nn.Linear{ inputs, outputs, bias = true }
---@class Linear: Module
---@overload fun(options: table): Linear
local Linear = {}

--- y = x - log(sum of e^x along a dimension).
---
--- nn.LogSoftmax{ dim = -1 }
--- The last.
---@class LogSoftmax: Module
---@overload fun(options: table): LogSoftmax
local LogSoftmax = {}

--- The largest of each window: x [N, C, H, W] -> [N, C, oH, oW].
---
--- nn.MaxPool2d{ kernel, stride = kernel, padding = 0, ceil_mode = false }
--- kernel, stride, padding: a number, or { height, width }. ceil_mode: the last
--- window may reach beyond the padding.
---@class MaxPool2d: Module
---@overload fun(options: table): MaxPool2d
local MaxPool2d = {}

--- Whether it is MaxPool2d{ 2 }.
---@return boolean
function MaxPool2d:halves() end

--- The mean over a dimension, or several: of tokens [N, T, C] over 2 -> [N, C].
---
--- nn.Mean{ dim, keepdim = false }
--- dim: a number, or a list of them.
---@class Mean: Module
---@overload fun(options: table): Mean
local Mean = {}

--- Modules: parameters, buffers and child modules under names, and a forward.
---
--- A module of your own is a subclass:
---
---   local Residual = nn.Module:extend("Residual")
---   function Residual:init(options)           -- called by Residual{ 16 }
---     local n = options[1]
---     self.conv = nn.Conv2d{ n, n, kernel = 3, padding = 1 }
---     self.scale = moon.ones(1):requires_grad()
---   end
---   function Residual:forward(x)
---     return x + self.conv(x):relu() * self.scale
---   end
---
--- Assigning a module makes it a child, assigning a leaf tensor that requires
--- its gradient makes it a parameter, nil removes either, and anything else is
--- a plain field. Tensors that are saved but not trained: self:buffer(name, t).
--- Names keep the order of first assignment; a child's come after a point.
---@class Module
---@field training boolean  training or evaluation behaviour
---@field [string|integer] any  children, parameters, buffers and plain fields
---@operator call(any): Tensor
local Module = {}

--- After each forward of this module, calls fn(module, y, x, ...) with what it
--- gave and what it was given. What `fn` returns, unless nil, takes y's place,
--- for hooks that came later, too. Copies of the module have no hooks.
---@param fn function
---@return fun()  # remove  takes it away again
function Module:on_forward(fn) end

--- In each backward through this module, calls fn(module, dy) with the gradient
--- of its output. What `fn` returns, unless nil, takes dy's place. The forward
--- makes a copy of its output for it.
---@param fn function
---@return fun()  # remove  takes it away again
function Module:on_backward(fn) end

--- Says that something is to be planned again: what a module holds, or its
--- forward.
function Module.changed() end

--- Whether `value` is a module.
---@param value any
---@return boolean
function Module.is(value) end

--- A subclass; calling it with a table of options makes an instance.
---@param name string
---@return Module  # class
function Module:extend(name) end

--- Called with the options when an instance is made; yours to define.
---@param options table
function Module:init(options) end

--- What calling the module does; yours to define.
---@param ... any
---@return any ...
function Module:forward(...) end

--- Adds a child or a parameter; a name that exists is an error.
---@param name string
---@param value Module|Tensor  a module, or a leaf that requires its gradient
---@return Module  # self
function Module:add(name, value) end

--- Adds a tensor that is saved and moved with the module but not trained.
---@param name string
---@param value Tensor  a tensor
---@return Module  # self
function Module:buffer(name, value) end

--- Iterates over name and parameter, here and in all children.
---@return fun(): string?, Tensor?
function Module:parameters() end

--- Iterates over name and buffer, here and in all children.
---@return fun(): string?, Tensor?
function Module:buffers() end

--- Iterates over path and module, below this one.
---@return fun(): string?, Module?
function Module:modules() end

--- Iterates over name and module, the direct children.
---@return fun(): string?, Module?
function Module:children() end

--- Training or evaluation behaviour (batch norm, dropout), here and below.
---@param on boolean|nil  default true
---@return Module  # self
function Module:train(on) end

--- Evaluation behaviour, here and below.
---@return Module  # self
function Module:eval() end

--- What each module below gives and costs, for one image (or whatever the first
--- dimension counts): print(model:summary{ 1, 3, 32, 32 }) prints a table. Runs
--- the forward, in evaluation; leaves no trace in the module.
---@param shape integer[]  of the input, batch first
---@param options table|nil  dtype of the input; that of the first parameter unless given; depth: how far down the table goes
---@return Summary
function Module:summary(shape, options) end

--- A module, parameter or buffer by its path, as `parameters`, `buffers` and
--- `modules` name them: model:get "2.conv.weight". "" is the module itself.
---@param path string|integer
---@return table|Tensor
function Module:get(path) end

--- Calls fn(module, path) for every module below this one and for this one,
--- whose path is "", children first. They are those that there were before.
---@param fn function
---@return Module  # self
function Module:apply(fn) end

--- Freezes parameters: they want no gradient, so no optimiser moves them. They
--- are parameters still, in `parameters` and `state`. Running statistics of
--- norms go on; model:get "norm":eval() stops them until the next train().
---@param pattern string|nil  a Lua pattern for the names of those; all without
---@return Module  # self
function Module:freeze(pattern) end

--- Undoes `freeze`.
---@param pattern string|nil  a Lua pattern for the names of those; all without
---@return Module  # self
function Module:unfreeze(pattern) end

--- Parameters and buffers by name: the tensors themselves, not copies.
---@return table<string, Tensor>
function Module:state() end

--- Copies a table as `state` gives it into this module's tensors. Missing and
--- unexpected names and other shapes are an error, and nothing changes then.
---@param given table<string, Tensor>
---@return Module  # self
function Module:load_state(given) end

--- Moves parameters and buffers to a device ("cpu", "cuda:0") or to a
--- floating dtype ("f32", "f64", "bf16", "f16"). They become new tensors
--- without gradients; what optimisers and averages keep for them follows.
---@param target string
---@return Module  # self
function Module:to(target) end

--- Attention of several heads (Vaswani et al. 2017): queries, keys and values
--- are linear in what is given, each head attends with its share of their
--- features, and one more linear layer joins the heads.
---
--- Parameters have the names and shapes of PyTorch's layer.
---
--- nn.MultiheadAttention{ features, heads, bias = true }
---@class MultiheadAttention: Module
---@overload fun(options: table): MultiheadAttention
local MultiheadAttention = {}

--- Images as tokens: x [N, inputs, H, W] -> [N, T, width], one token for each
--- patch, row by row; and what its place is, learnt, is added (Dosovitskiy et
--- al. 2021).
---
--- nn.PatchEmbedding{ inputs, width, size = 32, patch = 4 }
--- size: of the images, patch: of the pieces, which fill them; each a number,
--- or { height, width }.
---@class PatchEmbedding: Module
---@overload fun(options: table): PatchEmbedding
local PatchEmbedding = {}

--- y = max(x, 0). After a Conv2d or Linear, Sequential computes it with them.
---
--- nn.ReLU{}
---@class ReLU: Module
---@overload fun(): ReLU
local ReLU = {}

--- y = s(x) + f(x), where s is the identity unless given (He et al. 2016).
---
--- nn.Residual{ layer, ..., shortcut = nil, zero = false }
--- f: these layers one after another, as nn.Sequential takes them. shortcut: a
--- module for s. zero: the last layer's parameters start at zero.
---@class Residual: Module
---@overload fun(options: table): Residual
local Residual = {}

--- See describe.lua.
---@param describe function
---@return table
function Residual:describe(describe) end

--- See describe.lua.
---@param options table
---@param rebuild function
---@return table
function Residual.rebuild(options, rebuild) end

--- Modules one after another, numbered from 1 or under given names:
---
---   nn.Sequential{ nn.Flatten{}, { "head", nn.Linear{ 784, 10 } } }
---
--- A Conv2d, Linear or BatchNorm2d that a ReLU follows computes it in the same
--- kernel, and a BatchNorm2d a MaxPool2d{ 2 } after that as well; the numbers
--- are those of the single calls.
---
--- nn.Sequential{ ... }
---@class Sequential: Module
---@overload fun(modules: table): Sequential
local Sequential = {}

--- See describe.lua.
---@param describe function
---@return table
function Sequential:describe(describe) end

--- See describe.lua.
---@param options table
---@param rebuild function
---@return table
function Sequential.rebuild(options, rebuild) end

--- y = x / (1 + e^-x), also called swish.
---
--- nn.SiLU{}
---@class SiLU: Module
---@overload fun(): SiLU
local SiLU = {}

--- y = 1 / (1 + e^-x).
---
--- nn.Sigmoid{}
---@class Sigmoid: Module
---@overload fun(): Sigmoid
local Sigmoid = {}

--- y = e^x over its sum along a dimension.
---
--- nn.Softmax{ dim = -1 }
--- The last.
---@class Softmax: Module
---@overload fun(options: table): Softmax
local Softmax = {}

--- y = log(1 + e^(beta x)) / beta; x where beta x is above the threshold.
---
--- nn.Softplus{ beta = 1, threshold = 20 }
---@class Softplus: Module
---@overload fun(options: table): Softplus
local Softplus = {}

--- Squeeze and excitation (Hu et al. 2018): y = x gate for x [N, C, H, W], one
--- gate per image and channel, made of the means of all channels:
--- gate = scale sigmoid(W2 relu(W1 mean + b1) + b2).
---
--- nn.SqueezeExcite{ channels, reduction = 16, hidden = channels / reduction, scale = 1 }
--- hidden: units between the two linear layers, at least one.
---@class SqueezeExcite: Module
---@overload fun(options: table): SqueezeExcite
local SqueezeExcite = {}

--- y = tanh(x), the hyperbolic tangent.
---
--- nn.Tanh{}
---@class Tanh: Module
---@overload fun(): Tanh
local Tanh = {}

--- A layer whose weight is w = magnitude direction / |direction|, one norm per
--- output channel (Salimans and Kingma 2016). Both are learnt in w's place; at
--- birth w is the layer's own.
---
--- nn.WeightNorm{ layer, dim = 1 }
--- layer: a module with a parameter `weight`, which it loses. dim: of the
--- weight [outputs, ...], the one whose slices have a norm each.
---@class WeightNorm: Module
---@overload fun(options: table): WeightNorm
local WeightNorm = {}

--- See describe.lua.
---@param describe function
---@return table
function WeightNorm:describe(describe) end

--- See describe.lua.
---@param options table
---@param rebuild function
---@return table
function WeightNorm.rebuild(options, rebuild) end

--- The layer's weight as it is now.
---@return Tensor
function WeightNorm:weight() end

--- A module as a plain table from which it can be made again, without its
--- tensors: { class = "Conv2d", options = { 1, 32, kernel = 3 } }.
---
--- Known are the classes of moon.nn (and seed.Slot), which keep the options they
--- were made with; a class that holds modules has methods `describe(describe)`,
--- giving its options with descriptions for modules, and a function
--- `rebuild(options, rebuild)` that gives them back as the class takes them.
--- Classes of your own are known once they are in `describe.classes`, by name.
---@class describe
local describe = {}

--- The description of a module; raises for what cannot be made again from one.
---@param module Module
---@return table
function describe.describe(module) end

--- A new module from its description.
---@param description table
---@return Module  # module
function describe.rebuild(description) end

--- `moon.nn.init`: first values of weights, written in place:
---
---   model:apply(function(module)
---     if module.class_name == "Conv2d" then
---       nn.init.kaiming_normal_(module.weight, { mode = "fan_out" })
---     end
---   end)
---
--- Each returns its tensor. Random numbers are the task's. Weights are
--- [outputs, inputs, ...]; the rest is what each pair of them has in common: a
--- fan is that many times the inputs, or the outputs.
---@class init
local init = {}

--- One value everywhere.
---@param t Tensor
---@param value number
---@return Tensor  # t
function init.constant_(t, value) end

--- Zeros.
---@param t Tensor
---@return Tensor  # t
function init.zeros_(t) end

--- Ones.
---@param t Tensor
---@return Tensor  # t
function init.ones_(t) end

--- Uniform in [low, high).
---@param t Tensor
---@param low number|nil  0 unless given
---@param high number|nil  1 unless given
---@return Tensor  # t
function init.uniform_(t, low, high) end

--- Normal.
---@param t Tensor
---@param mean number|nil  0 unless given
---@param std number|nil  1 unless given
---@return Tensor  # t
function init.normal_(t, mean, std) end

--- Normal, but from a to b: as PyTorch's, of which what lies outside is drawn
--- again. Each value takes one random number, however little lies inside.
---@param t Tensor
---@param options table|nil  mean (0) and std (1) of what is cut off, a (-2), b (2)
---@return Tensor  # t
function init.trunc_normal_(t, options) end

--- By how much what follows a layer shrinks its values, to be made up for in
--- its weights: as PyTorch's calculate_gain.
---@param nonlinearity string  linear, relu, leaky_relu, selu, sigmoid or tanh
---@param slope number|nil  of leaky_relu, 0.01 unless given
---@return number
function init.gain(nonlinearity, slope) end

--- He et al. 2015, uniform: the values keep their size from layer to layer.
---@param t Tensor
---@param options table|nil  mode: "fan_in" (forward) or "fan_out" (backward); nonlinearity ("relu"), slope: see gain
---@return Tensor  # t
function init.kaiming_uniform_(t, options) end

--- He et al. 2015, normal.
---@param t Tensor
---@param options table|nil  as kaiming_uniform_ takes them
---@return Tensor  # t
function init.kaiming_normal_(t, options) end

--- Glorot and Bengio 2010, uniform.
---@param t Tensor
---@param options table|nil  gain (1)
---@return Tensor  # t
function init.xavier_uniform_(t, options) end

--- Glorot and Bengio 2010, normal.
---@param t Tensor
---@param options table|nil  gain (1)
---@return Tensor  # t
function init.xavier_normal_(t, options) end

--- Rows [outputs, the rest] at right angles, or columns where there are more
--- rows than those, of length `gain` (Saxe et al. 2014).
---@param t Tensor
---@param options table|nil  gain (1)
---@return Tensor  # t
function init.orthogonal_(t, options) end

--- `moon.models`: networks that are known by name, each a function in its own
--- file, read when first asked for:
---
---   local model = moon.models.resnet18{ 10 }
---@class models
local models = {}

--- models.lenet{ classes, inputs = 1 }
--- LeNet-5 (LeCun et al. 1998) as it is built today, with ReLU and max pooling:
--- images [N, inputs, 28, 28] -> [N, classes].
---
--- inputs: channels of the images. 61,706 parameters with ten classes.
---@param options table
---@return Sequential
function models.lenet(options) end

--- models.resnet18{ classes, inputs = 3, width = 64 }
--- ResNet-18 (He et al. 2016) in the form for small images, whose first layer
--- is 3x3 and does not shrink them: [N, inputs, H, W] -> [N, classes]. Four
--- stages of two blocks, each stage but the first at half the size of the one
--- before and twice its channels.
---
--- inputs: channels of the images; width: of the first stage. 11,173,962
--- parameters with ten classes.
---@param options table
---@return Sequential
function models.resnet18(options) end

--- models.resnet9{ classes, inputs = 3, width = 64 }
--- ResNet-9, the small fast network of DAWNBench's CIFAR-10 entries (Page
--- 2018): images [N, inputs, H, W] -> [N, classes]. Three times the size is
--- halved; the last pooling is over all places, so H and W may be any from 8.
---
--- inputs: channels of the images; width: of the first layer. 6,573,120
--- parameters with ten classes.
---@param options table
---@return Sequential
function models.resnet9(options) end

--- models.vit{ classes, inputs = 3, size = 32, patch = 4, width = 192, depth = 6, heads = 3, drop_path = 0 }
--- A small vision transformer (Dosovitskiy et al. 2021), with the mean of all
--- tokens instead of a class token (Beyer et al. 2022): images
--- [N, inputs, size, size] -> [N, classes].
---
--- inputs: channels of the images; patch: the side of those that become a
--- token, of width features; drop_path: of the last block, the first has 0
--- (Touvron et al. 2021). 2,693,194 parameters with ten classes.
---@param options table
---@return Sequential
function models.vit(options) end

--- `moon.optim`: optimisers, schedules of their rate, averages of weights; each
--- read from its own file when first asked for.
---@class optim
local optim = {}

--- Another optimiser from what `describe` gave, or from such a table of your
--- own: optim.rebuild({ "SGD", lr = 0.1 }, model).
---@param description table
---@param model Module  a module, or a list of tensors
---@return Optimiser
function optim.rebuild(description, model) end

--- Adam (Kingma and Ba 2015), in the form of PyTorch's:
---
---   g = gradient + weight_decay * p
---   m = beta1 * m + (1 - beta1) * g       s = beta2 * s + (1 - beta2) * g^2
---   p = p - lr * m / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + eps)
---
--- where t counts the steps of this parameter; m, s and t start at zero. With
--- weights to decay, AdamW is what you want.
---
--- optim.Adam{ model, lr = 1e-3, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = 0 }
--- model: a module, or a list of tensors.
---@class Adam: Optimiser
---@overload fun(options: table): Adam
local Adam = {}

--- AdamW (Loshchilov and Hutter 2019): Adam whose weight decay goes past the
--- moments, in the form of PyTorch's:
---
---   p = p * (1 - lr * weight_decay)
---   m = beta1 * m + (1 - beta1) * g       s = beta2 * s + (1 - beta2) * g^2
---   p = p - lr * m / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + eps)
---
--- where t counts the steps of this parameter; m, s and t start at zero.
---
--- optim.AdamW{ model, lr = 1e-3, betas = { 0.9, 0.999 }, eps = 1e-8, weight_decay = 0.01 }
--- model: a module, or a list of tensors.
---@class AdamW: Optimiser
---@overload fun(options: table): AdamW
local AdamW = {}

--- A moving average of a model's weights (Polyak and Juditsky 1992; Tarvainen
--- and Valpola 2017), for evaluation:
---
---   local ema = optim.EMA{ model, decay = 0.999 }
---   ... opt:step() ema:update()
---   local accuracy = ema:swapped(function() return evaluate(model) end)
---
--- An update is one op over all averages, all or nothing:
---
---   average = average + (1 - decay) * (weight - average)
---
--- An average begins as its weight, at the first update that sees it: a model
--- may gain and lose parameters. So it is in PyTorch's AveragedModel.
---
--- optim.EMA{ model, decay = 0.999, buffers = false }
--- model: a module, or a list of tensors. buffers: floating ones (the
--- statistics of a batch norm) are averaged, too; else they stay the model's.
---@class EMA
---@overload fun(options: table): EMA
local EMA = {}

--- After a step of the optimiser; enqueues.
---@return EMA  # self
function EMA:update() end

--- Weights and averages change places; again: back. What has no average yet
--- stays. Enqueues.
---@return EMA  # self
function EMA:swap() end

--- Calls fn(...) while the model has the averages for weights; back afterwards,
--- also on error.
---@param fn function
---@param ... any  for `fn`
---@return any ...  # what `fn` returned
function EMA:swapped(fn, ...) end

--- What a checkpoint needs: the averages under names like "average.2.weight",
--- the tensors themselves.
---@return table<string, Tensor>
function EMA:state() end

--- Takes a table as `state` gives it. Names that the model has not, and other
--- shapes, are an error, and nothing changes then.
---@param given table<string, Tensor>
function EMA:load_state(given) end

--- What it is made of, as plain values.
---@return table
function EMA:describe() end

--- Whether `value` is one.
---@param value any
---@return boolean
function EMA.is(value) end

--- Lion, "evolved sign momentum" (Chen et al. 2023):
---
---   p = p * (1 - lr * weight_decay) - lr * sign(beta1 * m + (1 - beta1) * g)
---   m = beta2 * m + (1 - beta2) * g       (m starts at zero)
---
--- Every element moves by lr: a tenth to a third of AdamW's rate, and three to
--- ten times its weight decay, are where to begin.
---
--- optim.Lion{ model, lr = 1e-4, betas = { 0.9, 0.99 }, weight_decay = 0 }
--- model: a module, or a list of tensors.
---@class Lion: Optimiser
---@overload fun(options: table): Lion
local Lion = {}

--- Muon, "momentum orthogonalised by Newton-Schulz" (Jordan 2024):
---
---   v = momentum * v + g                  (v starts at zero)
---   u = nesterov and g + momentum * v or v
---   p = p * (1 - lr * weight_decay) - lr * sqrt(max(1, rows / columns)) * O(u)
---
--- where O(u) is near the closest matrix to u whose singular values are all 1.
--- It is found by a few steps of a polynomial in u, products of matrices alone,
--- in the op that steps (kernels/ref/orthogonal.h).
--- A weight with more than two dimensions (a convolution's) is the matrix of its
--- first dimension against the others. Parameters with fewer than two dimensions
--- are stepped by AdamW, with adam_lr, betas, eps and weight_decay; so are those
--- in a group with adam = true: embeddings, and the last layer, which Jordan
--- leaves to AdamW:
---
---   optim.Muon{ model, lr = 0.02,
---               groups = { { match = "^head", adam = true } } }
---
--- adam_lr moves in proportion to lr.
---
--- optim.Muon{ model, lr = 0.02, momentum = 0.95, nesterov = true, steps = 5, weight_decay = 0, adam_lr = 3e-4, betas = { 0.9, 0.95 }, eps = 1e-10 }
--- model: a module, or a list of tensors. steps: of the polynomial.
---@class Muon: Optimiser
---@overload fun(options: table): Muon
local Muon = {}

--- What optimisers have in common.
---
--- A step is one op over all parameters that have a gradient, all or nothing.
--- Those of a module with a field `apart`, a function(fn, ...) that calls and
--- returns fn(...), are a step of their own inside it (a seed has one): whether
--- it fails is none of the others' business, and max_norm clips it by itself.
--- fn gives the norm of their gradients, whether or not they are clipped.
--- State belongs to parameters, not to positions: when the model gains or loses
--- parameters, new ones start without and the others keep theirs.
---
--- The options of an optimiser are fields that may be assigned between steps.
--- All have max_value (if positive, every element of a gradient is first cut to
--- at most this, either way), max_norm (if positive, all gradients together are
--- then scaled to at most this norm), loss_scale (see `scale`) and groups, which
--- set options by the name of the parameter (match, a Lua pattern) or the class
--- of its module (kind, likewise); decay = false is weight_decay = 0:
---
---   optim.AdamW{ model, lr = 1e-3, max_norm = 1,
---                groups = { { kind = "Norm", decay = false },
---                           { match = "^head", lr = 1e-2 } } }
---
--- Gradients add up until zero_grad: for a step over four batches,
---
---   opt:zero_grad()
---   for _ = 1, 4 do
---     local x, y = next_batch();
---     (nn.cross_entropy(model(x), y) / 4):backward()
---   end
---   opt:step()
---
--- Training in f16 needs a loss scale, or small gradients become 0:
---
---   local opt = optim.AdamW{ model, lr = 1e-3, loss_scale = "dynamic" }
---   ...
---   local loss = moon.autocast("f16", function()
---     return nn.cross_entropy(model(x), y)
---   end)
---   opt:scale(loss):backward()
---   opt:step()
---
--- An optimiser of your own is a rule of the core's step with other options:
--- look at lion.lua and muon.lua.
---@class Optimiser
local Optimiser = {}

--- What a checkpoint needs: the parameters' states under names like
--- "velocity.2.weight" (the tensors themselves), `lr`, and `loss_scale` where
--- there is one.
---@return table<string, Tensor>
function Optimiser:state() end

--- Takes a table as `state` gives it. Names of parameters that there are not,
--- and other shapes, are an error, and nothing changes then.
---@param given table<string, Tensor>
function Optimiser:load_state(given) end

--- A class of optimisers. Its definition:
---
---   name     as users call it
---   known    its options with their defaults, beside those that all have
---   rule     what happens to a parameter, see below
---   rule_of  function(p, o) -> rule, instead; main: the one that names the op
---   check    function(op, o), beyond each option by itself
---
--- A rule:
---
---   name     of the op
---   code     MOON_STEP_...
---   states   their names, in the order of the core's
---   scalars  names of those that are one f64 number
---   uses     function(o, state): whether it is needed; always, unless given
---   set      function(rates, o): fills a moon_step_rates
---
---@param def table
---@return table  # class
function Optimiser.class(def) end

--- The optimiser of a model that was made last, if it is still held.
---@param model Module
---@return Optimiser|nil
function Optimiser.of(model) end

--- An optimiser of a class: options as { model, lr = ..., ... }, where model is
--- a module or a list of tensors.
---@param class table  see Optimiser.class
---@param options table
---@return Optimiser
function Optimiser.new(class, options) end

--- One step along the gradients there are; enqueues and returns. Suspends the
--- task while it is too far ahead of the device. With a loss scale, a step
--- whose gradients are not all finite changes no parameter and no state.
---@return Tensor|nil  # norm  of the gradients before clipping, with max_norm
function Optimiser:step() end

--- The loss times the loss scale, to be differentiated in its place; the loss
--- itself without the option loss_scale. With "dynamic" the scale begins at
--- 65536, is halved by a step that is skipped because a gradient is not finite,
--- and doubled by 2000 steps in a row that are not. A number is a scale that
--- stays. Steps divide the gradients by it; until then they are that much
--- larger, those in `t.grad` as well.
---@param loss Tensor
---@return Tensor
function Optimiser:scale(loss) end

--- Clears the gradients of all parameters: they become nil.
function Optimiser:zero_grad() end

--- What it is made of, as plain values: { "SGD", lr = 0.1, ... }, from which
--- optim.rebuild makes another one. lr is the first one; how far it has come is
--- in `state`.
---@return table
function Optimiser:describe() end

--- RMSprop (Hinton 2012; centered: Graves 2013), in the form of PyTorch's:
---
---   g = gradient + weight_decay * p
---   s = alpha * s + (1 - alpha) * g^2
---   m = alpha * m + (1 - alpha) * g                  (centered)
---   v = momentum * v + g / (sqrt(s - m^2) + eps)     (m = 0 unless centered)
---   p = p - lr * v
---
--- All states start at zero.
---
--- optim.RMSprop{ model, lr = 0.01, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0, centered = false }
--- model: a module, or a list of tensors.
---@class RMSprop: Optimiser
---@overload fun(options: table): RMSprop
local RMSprop = {}

--- Stochastic gradient descent with momentum (Sutskever et al. 2013, in the
--- form of PyTorch's SGD):
---
---   g = gradient + weight_decay * p
---   v = momentum * v + g           (v starts at zero)
---   p = p - lr * (nesterov and g + momentum * v or v)
---
--- optim.SGD{ model, lr =, momentum = 0, nesterov = false, weight_decay = 0 }
--- model: a module, or a list of tensors.
---@class SGD: Optimiser
---@overload fun(options: table): SGD
local SGD = {}

--- How an optimiser's rate goes over a run, as shares of its first rate: for
--- moon.train.fit, or by hand.
---
---   local rate = optim.schedule.cosine{ opt, steps = 1000, warmup = 50 }
---   for x, y in batches do
---     ...
---     opt:step()
---     rate:step()                       -- opt.lr is now that of the next step
---   end
---   fit{ model, optim = opt, schedule = { "cosine", warmup = 50 }, ... }
---
--- Options that all have: the optimiser (fit gives its own), steps, how many
--- there are in all (fit knows), and warmup: so many steps the rate rises along
--- a line, (k + 1) / warmup, before what follows begins. Numbers of steps below
--- 1 are shares of the run.
---@class schedule
local schedule = {}

--- optim.schedule.constant{ opt, warmup = 0 }
--- The first rate.
---@param options table|nil
---@return Rate
function schedule.constant(options) end

--- optim.schedule.step{ opt, at = { 300, 600 }, factor = 0.1, warmup = 0 }
--- The
--- rate times `factor` at each of these steps; or every = n: at every n-th.
---@param options table|nil
---@return Rate
function schedule.step(options) end

--- optim.schedule.linear{ opt, steps =, floor = 0, warmup = 0 }
--- Down along a
--- line, to `floor` of the first rate.
---@param options table|nil
---@return Rate
function schedule.linear(options) end

--- optim.schedule.cosine{ opt, steps =, floor = 0, warmup = 0 }
--- Down along
--- half a cosine (Loshchilov and Hutter 2017), to `floor` of the first rate.
---@param options table|nil
---@return Rate
function schedule.cosine(options) end

--- optim.schedule.one_cycle{ opt, steps =, rise = 0.25, start = 0, floor = 0 }
--- Up along a line from `start` for the share `rise` of the run, then down
--- along half a cosine to `floor` (Smith and Topin 2018).
---@param options table|nil
---@return Rate
function schedule.one_cycle(options) end

--- optim.schedule.plateau{ opt, factor = 0.1, patience = 10, threshold = 1e-4, cooldown = 0, floor = 0, warmup = 0 }
--- The rate times `factor`, but not below `floor` of the first, once more than
--- `patience` losses in a row were not below the best by the share `threshold`;
--- then `cooldown` losses do not count. It is told them: rate:tell(loss), after
--- an epoch; fit tells it the validation loss. PyTorch's ReduceLROnPlateau.
---@param options table|nil
---@return Rate
function schedule.plateau(options) end

--- `moon.data`: data sets, each reader from its own file when first asked for.
---@class data
local data = {}

--- data.cifar10{ folder, "train" or "test" }
--- CIFAR-10 (Krizhevsky 2009), the binary version: 50,000 and 10,000 pictures,
--- 3 x 32 x 32 in [0, 1], in ten classes.
---
--- A data set; `classes` names
--- its labels. The folder is the unpacked archive, or the one that it is in.
--- Suspends the task until the files are open.
---@param options table
---@return Dataset  # dataset
function data.cifar10(options) end

--- data.cifar100{ folder, "train" or "test", label = "fine" or "coarse" }
--- CIFAR-100 (Krizhevsky 2009), the binary version: 50,000 and 10,000 pictures,
--- 3 x 32 x 32 in [0, 1], in 100 classes, or in 20 of five of these.
---
--- A data set. The folder is the unpacked archive, or the one that it is in.
--- Suspends the task until the files are open.
---@param options table
---@return Dataset  # dataset
function data.cifar100(options) end

--- data.csv{ path, label = column, types = {}, missing = "error", header = nil, separator = ",", dtype = "f32", empty = { "", "NA", ... } }
--- Reads tables as text, one example a line, plain or gzip, off the loop
--- thread.
---
--- A data set with x [N, columns]; with a label column also y [N].
---
--- A column is called by its name, or by its position from 1. Columns are
--- numbers unless types says otherwise: "bool" (true, yes, 1, ...), "category"
--- (numbered from 0 as the texts come), a list of texts (a category that is one
--- of these), "skip". The label is a category, i64: whole numbers are their own
--- classes; "number" makes y one. missing says what becomes of empty cells:
--- "error", "nan", "drop" (the row) or a number. header: whether the first row
--- names the columns; found out unless given.
---
--- The data set has `columns`, the names of x's columns, `categories`, the
--- texts of each by name or position, which another file can be read with
--- (types = train.categories), and `classes`, those of the label. Fields in
--- double quotes may hold separators, lines and doubled quotes. An error names
--- the line.
---@param options table
---@return Dataset  # dataset
function data.csv(options) end

--- data.digits{ folder = ... }
--- The 8x8 digits (Alpaydin and Kaynak 1998; the test part of UCI's optical
--- recognition of handwritten digits, as scikit-learn has it): 1,797 images,
--- 1 x 8 x 8 in [0, 1], in ten classes.
---
--- A data set. Suspends the task until the
--- file is read.
---@param options table|nil
---@return Dataset  # dataset
function data.digits(options) end

--- data.fashion_mnist{ "train" or "test", folder = ... }
--- Fashion-MNIST (Xiao et al. 2017): 60,000 and 10,000 images of clothes,
--- 1 x 28 x 28 in [0, 1], in ten classes.
---
--- A data set;
--- `classes` names its labels. Suspends the task until the files are open.
---@param options table
---@return Dataset  # dataset
function data.fashion_mnist(options) end

--- data.from{ n, fn, y = "i64", classes = nil }
--- Data sets whose examples a Lua function makes.
---
--- : `n` examples; fn(i), from
--- 1, gives x and y of one. x is a tensor, or a number or table that becomes
--- one; y a tensor, or a number of dtype y: "i64" (class ids), "f32", "f64";
--- "none" where there are no targets. fn is called when a batch is made, may
--- wait, and draws random numbers that the epoch tells; `cache` calls it once
--- for each example.
---@param options table
---@return Dataset  # dataset
function data.from(options) end

--- Reads an idx file (LeCun's format of MNIST), plain or compressed, off the
--- loop thread.
---
--- moon.data.idx(path): the tensor in the file. Suspends the task until the
--- header is read; the values follow like those of any op.
---@param path string
---@return Tensor  # tensor
function data.idx(path) end

--- data.images{ folder, size =, channels = 3, fit = "stretch", classes = nil }
--- Folders of pictures, PNG or JPEG, a folder a class.
---
--- A data set of the pictures (PNG, JPEG) in the folders of a folder, at
--- any depth; each folder is a class, in the order of their names, or of
--- `classes`. Pictures that lie in the folder itself are a data set only where
--- it has no folders, and then without targets.
---
--- size: a number or { height, width }; fit: "stretch", or "cover", the largest
--- middle part of these proportions; channels: 3, or 1 for luma. Pictures are
--- decoded by the workers when a batch is made; `cache` keeps them in memory,
--- in u8. One that cannot be read is named in the error of its batch. Suspends
--- the task until the folders are listed.
---@param options table
---@return Dataset  # dataset
function data.images(options) end

--- Pictures in files as one tensor.
---
--- moon.data.pictures({ path, ... }, { size, channels = 3, fit = "stretch" }):
--- PNG and JPEG files of any size as one tensor. size: a number or { height,
--- width }; channels: 1 (luma) or 3; fit: "stretch", or "cover", the largest
--- middle part of the new proportions. Bilinear, with the pixels of Pillow's
--- resize. A file that cannot be read is named in the error that the tensor
--- carries. Waits for nothing.
---@param paths string[]
---@param options table
---@return Tensor  # u8 [n, channels, height, width], channels-last
function data.pictures(paths, options) end

--- data.tensors{ x, y }
--- A data set of tensors that are there: x [N, ...] and, if there are targets,
--- y [N, ...]. Images in u8 (x [N, C, H, W]) are given as f32 in [0, 1].
---@param options table
---@return Dataset  # dataset
function data.tensors(options) end

--- Images varied at random, as options of `batches` and as functions of tensors
--- x [B, C, H, W].
---
--- Image j of a batch is varied as its place in the epoch tells: `position` + j,
--- under the key of a generator. So neither the size of a batch nor threads nor
--- the order in which batches are made change a bit.
---@class augment
local augment = {}

--- Turned, sheared, scaled and moved, each at random, about the middle;
--- bilinear between pixels. rotate and shear in degrees: a number r for [-r,
--- r], or { from, to }, clockwise; scale { from, to }; translate: up to this
--- share of height and width, or { height, width }; fill: what lies beyond the
--- edge. `rng_seed` (with `epoch`) and `position`, the first image's, from 1,
--- say which random numbers; without a seed the task's generator does.
---@param x Tensor  [B, C, H, W], f32 or f64
---@param options table
---@return Tensor
function augment.affine(x, options) end

--- Brightness, contrast and saturation by a random factor (a number b for
--- [1 - b, 1 + b], or { from, to }), hue by random turns (h for [-h, h]), in
--- random order, as torchvision's ColorJitter. Also rng_seed, epoch, position.
---@param x Tensor  [B, C, H, W] in [0, 1], C 1 or 3
---@param options table
---@return Tensor
function augment.jitter(x, options) end

--- A box of each image filled (DeVries and Taylor 2017): { size, fill = 0 },
--- size a number or { height, width }, about a random pixel. Also rng_seed,
--- epoch, position.
---@param x Tensor  [B, C, H, W]
---@param options table
---@return Tensor
function augment.cutout(x, options) end

--- Each image with the next, by a random share from Beta(alpha, alpha) (Zhang
--- et al. 2018), and the targets likewise: { alpha, classes }. Class ids become
--- rows of shares, f32 [B, classes]. Also rng_seed, epoch, position.
---@param x Tensor  [B, ...]
---@param y Tensor|nil  i64 [B], or floats [B, ...]
---@param options table
---@return Tensor
---@return Tensor|nil
function augment.mixup(x, y, options) end

--- (x - mean) / std, per channel: { mean = { ... }, std = { ... } }.
---@param x Tensor  [B, C, H, W]
---@param options table
---@return Tensor
function augment.normalise(x, options) end

--- Each image mirrored with probability 1/2. Options: rng_seed, epoch,
--- position.
---@param x Tensor  [B, C, H, W], f32 or u8 (then in [0, 1])
---@param options table|nil
---@return Tensor  # f32
function augment.flip(x, options) end

--- Each image shifted by up to `most` pixels both ways, zeros beyond the edge.
--- Options: rng_seed, epoch, position.
---@param x Tensor  [B, C, H, W], f32 or u8 (then in [0, 1])
---@param most integer
---@param options table|nil
---@return Tensor  # f32
function augment.crop(x, most, options) end

--- Where a data set's files are: $MOONSEED_DATA, which may be the folder of
--- all data sets or of this one, else where Debian's packages put them.
---@class folder
local folder = {}

--- Folders where the data set `name` may be, in the order they are tried.
---@param name string
---@return string[]
function folder.places(name) end

--- The path of a file; nil when it is in none of the places.
---@param places string[]
---@param name string
---@return string|nil
function folder.plain(places, name) end

--- The path of a file of a data set, compressed or not; nil when it is in none
--- of the places.
---@param places string[]
---@param file string  its name without ".gz"
---@return string|nil
function folder.find(places, file) end

--- `moon.metrics`: how good a model is, added up on the device and read once;
--- each from its own file when first asked for.
---@class metrics
local metrics = {}

--- Another metric from what `describe` gave, or from such a table of your own:
--- metrics.rebuild{ "TopK", k = 5 }.
---@param description table
---@return Metric
function metrics.rebuild(description) end

--- The area under the receiver operating characteristic: how often an example
--- of the class has a larger score than one that is not of it; equal scores
--- count half (Mann and Whitney 1947). Exact: the scores are kept, on the
--- device, and sorted there when the value is read. With more than two classes
--- it is the mean over those that have examples of both kinds, each against the
--- rest.
---
--- metrics.AUC{}
--- Takes scores [N] of class 1, or logits [N, C]; labels from 0.
---@class AUC: Metric
---@overload fun(options: table|nil): AUC
local AUC = {}

--- The share of examples whose largest logit is that of their class.
---
--- metrics.Accuracy{}
--- Takes logits [N, C] or classes i64 [N].
---@class Accuracy: Metric
---@overload fun(options: table|nil): Accuracy
local Accuracy = {}

--- Expected calibration error (Guo et al. 2017): how far the model's
--- confidence, its largest probability, is from how often it is right. The
--- examples are put into bins of confidence of equal width, (a, b]; the error
--- is the mean over examples of their bin's |confidence - accuracy|.
---
--- metrics.CalibrationError{ bins = 15 }
--- Takes logits [N, C].
---@class CalibrationError: Metric
---@overload fun(options: table|nil): CalibrationError
local CalibrationError = {}

--- The confusion matrix: how many examples of each class were taken for each.
---
--- metrics.Confusion{ 10 }
--- Takes logits [N, C] or classes i64 [N]. Its value
--- is a list of rows: value[1 + true class][1 + predicted class].
---@class Confusion: Metric
---@overload fun(options: table): Confusion
local Confusion = {}

--- The harmonic mean of precision and recall; see scores.lua.
---
--- metrics.F1{ 10, average = "macro" }
--- Of so many classes; takes logits
--- [N, C] or classes i64 [N]. average: macro, weighted, micro, or none: a list.
---@class F1: Metric
---@overload fun(options: table): F1
local F1 = {}

--- The mean of values, one per example: losses, distances.
---
--- metrics.Mean{}
--- Update(loss, y) takes the mean of a batch with its labels,
--- or one value per example.
---@class Mean: Metric
---@overload fun(options: table|nil): Mean
local Mean = {}

--- What metrics have in common.
---
---   local right = moon.metrics.Accuracy{}
---   for x, y in valid:batches{ 256 } do right:update(model(x), y) end
---   print(right:value())
---
--- `update` adds up on the device and waits for nothing; `value` is the one
--- place where a metric is read, and suspends. What was not measured is nil.
---@class Metric
local Metric = {}

--- A class of metrics. Its definition:
---
---   name     as users call it
---   names    of the leading options, known: of the named ones
---   check    function(op, o) or nil
---   takes_one  x may be one value for the whole batch
---   begin    function(self, x) -> tensors by name, on x's device, that are
---            added up in; or lists that grow
---   add      function(self, sums, x, y): one batch, without gradients
---   result   function(self, sums): suspends
---
---@param def table
---@return table  # class
function Metric.class(def) end

--- A metric of a class.
---@param class table
---@param options table|nil
---@return Metric
function Metric.new(class, options) end

--- Adds a batch: what the model gives, and the true labels, i64 [N]. Enqueues.
---@param x Tensor  logits [N, C], or what the metric says
---@param y Tensor
---@return Metric  # self
function Metric:update(x, y) end

--- What was measured since the beginning or the last reset; nil before any
--- update. Suspends until it is there.
---@return number|table|nil
function Metric:value() end

--- Begins again.
---@return Metric  # self
function Metric:reset() end

--- What it is made of, as plain values: { "TopK", k = 5 }, from which
--- moon.metrics.rebuild makes another one.
---@return table
function Metric:describe() end

--- The predicted classes, i64 [N]: of logits [N, C], or given as they are.
---@param op string
---@param x Tensor
---@return Tensor
function Metric.predicted(op, x) end

--- Logits [N, C], or an error.
---@param op string
---@param x Tensor
---@param classes integer|nil  how many there must be
---@return Tensor
function Metric.logits(op, x, classes) end

--- Zeros to add up in, on x's device.
---@param x Tensor
---@param dtype string
---@param ... integer  the shape
---@return Tensor
function Metric.zeros(x, dtype, ...) end

--- The share of what was taken for a class that is of it; see scores.lua.
---
--- metrics.Precision{ 10, average = "macro" }
--- Of so many classes; takes logits
--- [N, C] or classes i64 [N]. average: macro, weighted, micro, or none: a list.
---@class Precision: Metric
---@overload fun(options: table): Precision
local Precision = {}

--- The share of a class that was taken for it; see scores.lua.
---
--- metrics.Recall{ 10, average = "macro" }
--- Of so many classes; takes logits
--- [N, C] or classes i64 [N]. average: macro, weighted, micro, or none: a list.
---@class Recall: Metric
---@overload fun(options: table): Recall
local Recall = {}

--- The share of examples whose class is among the k largest logits; of equal
--- ones the first counts as larger.
---
--- metrics.TopK{ 5 }
--- Takes logits [N, C].
---@class TopK: Metric
---@overload fun(options: table): TopK
local TopK = {}

--- Growth: slots, seeds, and those who decide about them.
---
--- A name is its file here: seed.Slot is seed/slot.lua; but seed.cost is
--- nn/cost.lua. Reading a name loads it.
---@class seed
local seed = {}

--- seed.explore{ model, candidates, data = , valid = , batch = 128, rng_seed = 0, halving = false, budget = { batches = 200 }, classes = , incubation = }
--- seed.explore: looks for what to plant while training goes on. It copies the
--- model, storage and all, and holds tournaments on the copy in a task of its
--- own; the training has the bits that it has without.
---
---   local search = seed.explore{ model, { { slot = "early",
---     blueprints = { "norm", "conv_light" } } }, data = train,
---     budget = { batches = 200 } }
---   ...
---   local best = search:await()[1]      -- { slot =, blueprint =, loss =, ... }
---
--- What is found is found for the model as it was at the call, whatever is
--- trained meanwhile; so it is a function of that and of the options. Cancelling
--- the task gives the copy's memory back.
---
--- data, valid, classes, incubation: the garden's that the model is in, unless
--- given. budget.batches: of features, for all tournaments together, one for
--- each slot named. Copies the model at once; searches in the task.
---@param options table  candidates: a list of { slot =, blueprints = {} }, or names of blueprints, for every slot
---@return Task  # task  whose result is a list as a tournament's, each with its slot, the one that improves most first
function seed.explore(options) end

--- seed.tournament{ slot, blueprints, batches = 50, batch = 128, data = , valid = , rng_seed = 0, concurrent = true, halving = false }
--- seed.tournament: several blueprints learn at once for one place, each on a
--- stream of its own, over the same features of the host, which stands still
--- and notices nothing. The numbers are those of one after another.
---
---   for rank, r in ipairs(seed.tournament{ slot, { "norm", "depthwise" },
---                                          batches = 50, data = train }) do
---     print(rank, r.blueprint, r.loss, r.improvement)
---   end
---
--- Each candidate learns as a seed in TRAINING does (incubator.lua). Their heads
--- start with the same values, and so does that of a bare head without a seed:
--- `improvement` is how much lower a candidate's loss is than that head's.
---
--- The result is a function of the host's weights and statistics, the data, the
--- options and a blueprint's place in the list. Features come from the host as
--- it stands at each batch, in evaluation: seeds in slots before this one take
--- part with the alphas that they have now. A task that trains the host
--- meanwhile moves them; seed.explore, which copies the model, is for that.
---
--- A winner is planted by its name, slot:germinate(r.blueprint), and learns
--- again: a seed is the identity at birth, which trained weights are not.
---
--- data: what candidates learn from (the garden's `train` unless given);
--- valid: what they are judged on (the garden's). halving: the worse half
--- leaves again and again (successive halving, Jamieson and Talwalkar 2016);
--- those that stay learn what they would have learned without. A candidate that
--- fails, or whose loss is no finite number, comes last, and `failed` says why.
---@param options table
---@return table[]  # best first: blueprint, index (its place in the list), loss, improvement, failed, batches (that it learned from; nil if it failed), parameters, flops (per image), module
function seed.tournament(options) end

--- A garden: the slots of a model, what grows in them, and who decides.
---
---   local garden = seed.Garden{ model, policy = "scripts/policies/plateau.lua",
---                               governor = true, valid = valid, optim = opt }
---   for epoch = 1, 10 do
---     for x, y in train:batches{ 128, shuffle = true } do
---       local loss = nn.cross_entropy(model(x), y)
---       opt:zero_grad() loss:backward() opt:step()
---       garden:step{ y = y, loss = loss }
---     end
---     local m = garden:epoch()       -- m.loss, m.accuracy, on valid
---   end
---
--- A step trains the seeds that incubate, moves alphas and lets the governor
--- look; an epoch measures, asks the policy and lets embargoes run. Everything
--- that happens is an event: `on_event` is told, `garden.events` keeps the last.
---
--- seed.Garden{ model, policy = path, governor = true, valid = data, ... }
---   policy      a file, see scripts/policies; config: a table for its init
---   governor    true, or its options: rolls back when the loss goes wrong
---   optim       the host's optimiser, for the governor: the model's newest, or
---               that of the run, unless given; train and valid are the run's
---   train       what candidates of a tournament learn from
---   valid       the data set that growth looks at (never the test split)
---   classes     of the labels, where valid does not say
---   gates       "strict", "permissive" or a table of thresholds (gate.lua)
---   blending    { kind = "add", curve = "cosine", steps = 200,
---                 steepness = 10 }
---   incubation  { optim = { "SGD", lr = 0.05, momentum = 0.9 },
---                 max_norm = 1, through = false }; see Incubator.options
---   lag         steps from a snapshot to what was decided upon it; one epoch
---               unless given. free = true: when the decision comes
---   cooldown    steps after a plan in which no other is applied
---   blueprints  names that the policy may plant; all unless given
---   rng_seed    of everything random in the garden
---   on_event    function(event)
---@class Garden
---@overload fun(options: table): Garden
local Garden = {}

--- Slots by name.
---@return table<string, Slot>
function Garden:slots() end

--- The slot of a name; an unknown one is an error.
---@param name string
---@return Slot
function Garden:slot(name) end

--- All seeds, in the order of the model.
---@return Seed[]
function Garden:seeds() end

--- Takes what it was not given from a run. With an optimiser to bring back,
--- too, the governor begins anew: the states that it kept are without.
---@param run table  train, valid, optim
function Garden:adopt(run) end

--- The options it was made with that are plain values.
---@return table
function Garden:plain_options() end

--- Calls fn(event) for everything that happens from now on, before `on_event`,
--- which is the user's.
---@param fn fun(event: table)
---@return fun()  # ends that
function Garden:listen(fn) end

--- Runs fn(), which cannot fail; what it notes is told afterwards, so that a
--- listener finds it done, and cannot stop it half way.
---@param fn function
function Garden:quietly(fn) end

--- Applies actions, { { slot =, seed = 1, action =, blueprint =, target =,
--- why = }, ... }: all of them, or none and an error.
---@param actions table[]
function Garden:apply(actions) end

--- What actions would do, a line each; raises what `apply` would. Changes
--- nothing.
---@param actions table[]
---@return string
function Garden:diff(actions) end

--- After the optimiser's step. y: the batch's labels, for seeds that incubate;
--- loss: what the governor looks at. Enqueues; waits for the loss of some steps
--- ago at most, and for a decision that is due.
---@param given table|nil
function Garden:step(given) end

--- At the end of an epoch: measures on `valid` (unless another data set is
--- given), lets the policy see it, and lets embargoes run.
---@param data Dataset|nil  a data set
---@return table  # loss, accuracy (nil without data), contributions
function Garden:epoch(data) end

--- Ends what the policy runs in. The model goes on as it is.
function Garden:close() end

--- The governor: watches the losses, keeps the last confirmed good state, and
--- brings it back when training has gone wrong.
---
---   local Governor = require "moonseed.seed.governor"
---   local g = Governor{ parts = { parts.module{ model },
---                                 parts.optimiser{ opt }, parts.generator{} },
---                       classes = 10 }
---   each step:  local verdict = g:observe{ step = step, loss = value }
---               if verdict then step = g:rollback() end
---               if step % 50 == 0 then g:mark(step) end
---
--- A state that mark takes is a candidate. It becomes the backup, the only
--- state that is ever restored, when enough losses of later steps in a row were
--- healthy; until then the older backup is kept. A bad loss starts that count
--- again, a verdict drops all candidates.
---
--- seed.Governor{ parts = { part, ... }, classes =, ... }
--- The parts as
--- moonseed.seed.transaction describes them, and the thresholds above.
---@class Governor
---@overload fun(options: table): Governor
local Governor = {}

--- The loss of a step; steps rise. With `attempt`, the governor's when the
--- step was taken, losses from before a rollback that come late are ignored.
--- A verdict may come before anything was confirmed: rollback raises then.
---@param given table  { step =, loss = a number, attempt = optional }
---@return table|nil  # { rule =, step =, text = } when it is time to roll back
function Governor:observe(given) end

--- Takes the state as it is, after `step`, as a candidate: copies that are
--- enqueued, without a wait. Takes none while the losses are suspect, while
--- all candidates are held, or when that step's state is held already.
---@param step integer
---@return boolean  # whether a candidate was taken
function Governor:mark(step) end

--- Brings the backup back, every part or none; the rules start afresh and the
--- candidates go. Raises, and nothing has changed, when no state was confirmed
--- yet or a part cannot take it. Suspends; no other task may step the model
--- meanwhile.
---@return integer  # step  after which the state was taken
---@return table<string, any>  # reports  of the parts' loads, by part name
function Governor:rollback() end

--- Gives the memory of all states back.
function Governor:close() end

--- Whether an action that grows the model must wait.
---@param given table  { step =, action = its name }
---@return string|nil  # why it must
function Governor:veto(given) end

--- What the governor holds and thinks, for telemetry.
---@return table  # { attempt =, bad_in_a_row =, backup_step = or nil, candidate_steps = {...} }
function Governor:status() end

--- A slot: a named place in a model where seeds may grow.
---
---   seed.Slot{ "early" }                    as it is, x passes through
---   seed.Slot{ "early", seeds = 2 }         room for two seeds
---   seed.Slot{ "early", host = module }     beside a branch of the host
---
--- With x the input and h the host's features (x itself without a host
--- branch), the seeds that take part blend one after another, by position:
---
---   ADD       y = (1 - a) h + a s
---   MULTIPLY  y = h (1 + a tanh(s - x))
---   GATE      ADD with a g, g = sigmoid(linear(global mean of h)), per image
---
--- and y is the h of the next. So whatever their alphas, the shares of several
--- seeds and of the host are positive and add up to one. s is seed(x); beside a
--- host branch, whose features have x's shape, ADD's is h + (seed(x) - x), with
--- the branch's h, so that at birth a seed changes nothing there either.
---
--- The host's branch and all seeds are queued at once, each seed on a stream of
--- its own, and their gradients go back on these streams. A seed whose op fails
--- is left out by the device; the slot counts it (`seed:errors()`).
---
--- seed.Slot{ ... }
---@class Slot: Module
---@field name string  in the model
---@overload fun(options: table): Slot
local Slot = {}

--- See nn/describe.lua; what grows here is not part of it.
---@param describe function
---@return table
function Slot:describe(describe) end

--- See nn/describe.lua.
---@param options table
---@param rebuild function
---@return table
function Slot.rebuild(options, rebuild) end

--- One line of what it holds: "Slot early: TRAINING conv_light, DORMANT".
---@return string
function Slot:headline() end

--- The slot's seeds, by position.
---@return Seed[]
function Slot:seeds() end

--- The seed at a position, the first unless given.
---@param index integer|nil
---@return Seed
function Slot:seed(index) end

--- After the model was moved, see nn/state.lua.
---@param target string  a device or a dtype
function Slot:moved(target) end

--- The stage of a seed, the first unless given.
---@param index integer|nil
---@return string
function Slot:stage(index) end

--- The share of a seed in the blend.
---@param index integer|nil
---@return number
function Slot:alpha(index) end

--- Every transition of a seed; see Seed:history.
---
---@param index integer|nil
---@return table[]
function Slot:history(index) end

--- DORMANT -> GERMINATED: builds the blueprint for the slot's features and
--- checks that it is the identity at birth.
---@param blueprint string
---@param options table|nil  seed: the position (the first that is DORMANT); kind: "add", "multiply" or "gate"; curve, steps, steepness: of blending; why
---@return Slot  # self
function Slot:germinate(blueprint, options) end

--- To the next stage, if the gate before it passes.
---@param options table|nil  seed, why; force: whether or not the gate passes; target: alpha's, for BLENDING
---@return Slot  # self
function Slot:advance(options) end

--- HOLDING -> BLENDING towards another alpha.
---@param target number
---@param options table|nil  seed, why
---@return Slot  # self
function Slot:retarget(target, options) end

--- Takes the seed out.
---@param why string|nil
---@param options table|nil  seed
---@return Slot  # self
function Slot:prune(why, options) end

--- HOLDING -> FOSSILIZED, if the gate passes: a part of the host for good.
---@param options table|nil  seed, why, force
---@return Slot  # self
function Slot:fossilize(options) end

--- Blueprints: what makes the module of a seed, by name.
---
---   seed.blueprint("my_block", { build = function(shape) return module end })
---
--- A definition has
---   build(shape, options) -> module   shape is that of the slot's features,
---            batch first: { N, C, H, W } or { N, features }
---   reshape(shape) -> shape   only where the module gives another shape
---   ranks    list of the numbers of dimensions it takes; any unless given
---   options  names and defaults of what `build` takes; any unless given
---
--- The contract, checked by `build` for everyone's blueprints alike: the module
--- keeps the features' shape (or gives the declared one) and dtype, and is the
--- identity at birth. What it costs is counted (moonseed.nn.cost), not stated.
--- Those of the folder blueprints/ are read when first asked for.
--- Adds a blueprint; a later one of the same name
--- takes its place, for seeds planted from then on.
---@class blueprint
---@overload fun(name: string, definition: table): nil
local blueprint = {}

--- Adds a blueprint; a later one of the same name takes its place, for seeds
--- planted from then on. Also `blueprint(name, definition)`.
---@param name string  a word
---@param definition table  see above
function blueprint.register(name, definition) end

--- All names: the built-in ones, then the others in order of the alphabet.
---@return string[]
function blueprint.names() end

--- The definition of a name; an unknown one is an error.
---@param name string
---@return table
function blueprint.get(name) end

--- How far a module is from the identity on x: max |module(x) - x| /
--- max(1, max |x|), in evaluation. Enqueues, and leaves no trace in the module.
--- A value that is not finite makes it NaN or infinite.
---@param module Module
---@param x Tensor  features
---@return Tensor  # a scalar tensor
function blueprint.deviation(module, x) end

--- Makes a seed's module and checks it against the contract, on the features
--- themselves if they are given, else on random ones (an image, f32, on the
--- current device). Reads a number, so it waits. Draws the module's first
--- values from the task's random numbers; after an error these are as before.
---@param name string
---@param features Tensor|integer[]  the slot's features, or their shape
---@param options table|nil  what the blueprint takes
---@return Module  # module  on the features' device, in their dtype
function blueprint.build(name, features, options) end

--- What a blueprint's module costs on features of a shape, see seed.cost.
---@param name string
---@param shape integer[]
---@param options table|nil
---@return table  # { parameters =, flops = per image, bytes = }
function blueprint.cost(name, shape, options) end

--- Counterfactual contribution: what each living seed is worth on data that
--- nothing was trained on, found by passes with and without it.
---
---   local result = contribution.measure{ model, data = valid, slots = slots }
---   result.early[1].accuracy      -- lost without seed 1 of slot "early"
---
--- With n living seeds there are 2^n models, each with some of them left out.
--- Up to FACTORIAL seeds all are measured, so their Shapley values and the
--- interactions of pairs are exact; with more, those on the way of `samples`
--- random orders, and those with one seed left out. `shares = false` measures
--- only these last, n + 1 models.
---
--- The passes share what comes before the first such slot, and leave no trace
--- in a training run (counterfactual.lua).
---@class contribution
local contribution = {}

--- seed.contribution.measure{ model, data =, slots =, batch = 256, batches = all, shares = true, samples = 32, rng_seed = 0 }
--- data: a data set with class labels. slots: those whose seeds are measured,
--- as soon as they blend. Other seeds stay as they are.
---@param options table
---@return table  # result by slot name and seed index: Worth. And: `baseline` { loss, accuracy } of the model as it is; `passes`, how many models were measured; `prefix_passes`, how many batches shared a prefix, which is `prefix_steps` long (both 0: the model could not be cut, see split.lua); `interactions`, a list of { { slot, seed }, { slot, seed }, loss, accuracy }, up to four seeds; else `samples`. Without `shares` neither
function contribution.measure(options) end

--- What a module costs: parameters, their bytes, and FLOPs per image.
---
--- The FLOPs are those of its convolutions, linear layers, matrix products and
--- attention in one forward, counted as it runs on a single image: a
--- multiply-add is 2, a bias none, a product with padding or a mask as any
--- other. Everything else (norms, activations, pooling, sums) is some per cent
--- of that and is not counted, as is usual; a module of nothing but such has 0.
---
--- To see the calls, these functions are replaced while a count is open.
--- One that user code took earlier into a local of its own goes unseen.
---@class cost
local cost = {}

--- The FLOPs of what fn(...) calls, in this task and those that it starts; a
--- count that is open already does not see them.
---@param fn function
---@param ... any  for `fn`
---@return number  # flops
---@return any ...  # what `fn` returned
function cost.count(fn, ...) end

--- As `count`, for a part of what a count that is open sees. Without one, the
--- FLOPs are nil.
---@param fn function
---@param ... any  for `fn`
---@return number|nil  # flops
---@return any ...  # what `fn` returned
function cost.count_part(fn, ...) end

--- What a module costs on features of a shape. Nothing of the module, and no
--- random number of the task, is different afterwards.
---@param module Module  any module whose forward takes one tensor
---@param shape integer[]  batch first; the batch does not matter
---@return table  # { parameters = values, flops = per image, bytes = of the parameters }
function cost.of(module, shape) end

--- What growth is judged by, measured at the end of an epoch on the validation
--- split: the model's loss and accuracy, what each seed that takes part
--- contributes, and how seeds that incubate do on held-out features. Leaves no
--- trace in the training.
---@class evaluate
local evaluate = {}

--- Measures; fills the seeds' contribution, improvement, held_out and
--- gradient_ratio.
---@param garden Garden
---@param data Dataset|nil  a data set
---@return table  # loss and accuracy; empty without data
function evaluate.measure(garden, data) end

--- The loss and accuracy of a model on a data set, in evaluation; modes and
--- random numbers are as before.
---@param model Module
---@param data Dataset
---@param metrics table<string, table>|nil  moon.metrics that are shown every batch, too
---@return table  # loss, accuracy
function evaluate.accuracy(model, data, metrics) end

--- Gates: what has to be measured, and how large, before a seed may advance.
--- A quantity that was not measured is nil, and its check fails.
---
---   G0  into TRAINING     the module is the identity at birth, all finite
---   G2  into BLENDING     it beats a bare head on held-out features, is old
---                         enough, and its gradients are of the host's order
---   G3  into HOLDING      alpha is on its target
---   G5  into FOSSILIZED   the model is worse without it (contribution.lua)
---@class gates
local gates = {}

--- A table of thresholds by name, or one of your own over `strict`.
---@param given string|table|nil  "strict" (default), "permissive"
---@return table
function gates.table_of(given) end

--- What was measured of a seed, by the names that checks use.
---@param seed Seed
---@return table<string, number>
function gates.measured(seed) end

--- Asks a gate about a seed.
---@param gate string  "G0", "G2", "G3", "G5"
---@param measured table  see `measured`
---@param thresholds table
---@return boolean  # passed
---@return table  # note  gate, passed and failed: the checks' texts
function gates.ask(gate, measured, thresholds) end

--- Swim lanes: what every seed did over a run, in the characters of a terminal.
---
---   print(lanes.draw(lanes.of(slots, 12000)))
---
---   early/1 ····○────────────░░░░░░▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓
---     alpha                  ▁▂▄▅▇███████████████████████
---
--- A column stands for the same number of steps everywhere. It shows the stage
--- that fills most of it; but a planting, a pruning or a fossil in it always.
---@class lanes
local lanes = {}

--- What draw takes, of slots as they are now.
---@param slots Slot[]  each with name and seeds()
---@param last_step integer
---@return table  # run
function lanes.of(slots, last_step) end

--- Lanes, alpha curves, axis and legend.
---@param run table  slots: a list of { name, seed, history }, where history is a list of { step, stage, alpha }, oldest first, each true until the next one; last_step
---@param options table|nil  width = 80, ascii = false
---@return string  # lines, without the end of the last; none without slots
function lanes.draw(run, options) end

--- How alpha moves: a curve from one value to another over a number of steps.
---
---   t = k / steps                       k = 0 .. steps
---   linear   f(t) = t
---   cosine   f(t) = (1 - cos(pi t)) / 2
---   sigmoid  f(t) = (s(t) - s(0)) / (s(1) - s(0)),
---            s(t) = 1 / (1 + exp(-steepness (t - 1/2)))
---   alpha(k) = from + (to - from) f(t)
---
--- Monotone; exactly `from` at 0, exactly `to` from `steps` on.
---@class Schedule
local Schedule = {}

--- How schedules are given: { curve = "cosine", steps = 200, steepness = 10 }.
---@param who string
---@param options table|nil
---@return table  # with every field
function Schedule.options(who, options) end

--- A schedule that stands at `from`.
---@param who string
---@param from number  0 to 1
---@param to number  0 to 1
---@param options table  see `options`
---@return Schedule
function Schedule.new(who, from, to, options) end

--- One that stays where it is.
---@param alpha number
---@return Schedule
function Schedule.hold(alpha) end

--- Another one at the same place.
---@return Schedule
function Schedule:copy() end

--- alpha after k steps.
---@param k integer
---@return number
function Schedule:at(k) end

--- Alpha now.
---@return number
function Schedule:alpha() end

--- One step on.
---@return number  # alpha then
function Schedule:step() end

--- Whether alpha is on its target.
---@return boolean
function Schedule:is_done() end

--- Where alpha goes.
---@return string  # "up", "down" or "hold"
function Schedule:direction() end

--- The life of a seed: its stages, and the one table of what may follow what.
---
---   DORMANT      nothing is there
---   GERMINATED   built and checked; takes no part in anything
---   TRAINING     learns beside the host, which does not notice
---   BLENDING     its share of the host's features, alpha, moves to a target
---   HOLDING      alpha rests on its target
---   FOSSILIZED   a part of the host for good
---   PRUNED       taken out
---   EMBARGOED    its place stays empty for EMBARGO epochs
---   RESETTING    and for RESET more, after which it is DORMANT again
---@class stages
local stages = {}

--- Whether a seed in this stage has a module that may still be pruned.
---@param name string
---@return boolean
function stages.is_live(name) end

--- Whether a seed in this stage takes part in the host's forward.
---@param name string
---@return boolean
function stages.is_blended(name) end

--- Whether `to` may follow `from`.
---@param from string
---@param to string
---@return boolean
function stages.may(from, to) end

--- Raises unless `to` may follow `from`.
---@param who string  of whom the error speaks
---@param from string
---@param to string
function stages.check(who, from, to) end

--- A run in words: a line per event as it happens, and at the end a table of
--- what was planted, what it contributed and what it cost. (The swim lanes are
--- in lanes.lua.)
---@class text
local text = {}

--- One line, without its end:
---
---   1,200  epoch 3    early/1     planted conv_light: loss on a plateau
---
--- Fields that are missing leave nothing behind; a reason is given in full.
---@param event table  kind; step, epoch, slot, seed, from and to (or stage), to (a step), blueprint, path, version, forced, why
---@return string
function text.event(event) end

--- What was planted, what it contributed, what it cost.
---@param rows table[]  slot, seed, blueprint, planted_at (a step), stage, contribution (a share of correct images, as contribution.measure gives it; printed in points, hundredths), parameters, flops (per image); what was not measured is nil and printed as `-`
---@param options table|nil  width = 80, ascii = false
---@return string  # lines, without the end of the last
function text.table(rows, options) end

--- `moon.train`: runs, their checkpoints, what they leave behind. A name is its
--- file here; reading a name loads it.
---@class train
local train = {}

--- moon.train.export: the grown network for elsewhere.
---
---   moon.train.export(model, "grown")   -- grown.safetensors and grown.lua
---   local model = moon.train.import "grown"
---
--- Any tool can read the weights; the Lua file returns a description from
--- which the network is made again: its layers, and what grew in its slots.
---
--- Writes PATH.safetensors and PATH.lua; suspends until both are there.
---@param model Module
---@param path string  without an ending
function train.export(model, path) end

--- moon.train.import: reads what export wrote.
---
--- Makes the network again; it is in evaluation. Suspends.
---@param path string  as it was given to export
---@return table  # model
function train.import(path) end

--- moon.train.resume: a run goes on from its last checkpoint that is whole, in
--- this process or another, with the bits that it would have had.
---
---   local run = moon.train.resume("runs/first")
---   local run = moon.train.resume{ "runs/first", model = build() }
---
--- moon.train.resume(folder), or { folder, model =, optim =, train =, valid =,
--- schedule =, loss =, metrics =, ... } for what a checkpoint cannot hold:
--- classes, functions and data of your own. Suspends while it reads.
---@param options string|table
---@return Run  # run  that trains on from now
function train.resume(options) end

--- What a run leaves behind: scalars and events, a line of JSON each.
---
---   local record = Record.open{ "runs/first/record.jsonl",
---                               meta = { epochs = 10 } }
---   record:scalar("loss", step, 0.31)
---   record:event("checkpoint", { step = 1200, path = "1200.safetensors" })
---   record:close()
---
--- Writing never makes the training wait: lines go through a bounded queue to
--- libuv's threads, within half a second. When the disk does not keep up,
--- scalars are dropped first, events once twice as much waits; how many is an
--- event of its own, and record.dropped. What goes wrong with the disk is one
--- printed line and an event later. docs/record.md is the schema.
---@class Record
local Record = {}

--- Record.open{ path, append = false, meta = { ... } }
--- Makes the file, or goes
--- on with it; its folder is there. Writes the event "start" with the
--- environment and `meta`, whose `step` says from where a resumed run goes on:
--- what the record has of later steps is void from then on.
---   limit      bytes that may wait for the disk
---   patience   ms that close waits for a disk that does nothing
---@param options table
---@return Record
function Record.open(options) end

--- A value of a curve. One that is not finite is written as null, with why.
---@param name string  "loss", "alpha/early/1"
---@param step integer
---@param value number
function Record:scalar(name, step, value) end

--- Something that happened. A garden's `on_event` may pass its events as they
--- are: record:event(event.kind, event).
---@param kind string
---@param fields table|nil  plain values
function Record:event(kind, fields) end

--- What the seeds of a garden are worth now, as far as it has changed since the
--- last call: alpha, contribution and cost, see record/garden.lua. Suspends
--- when a seed is new, to count its cost.
---@param garden Garden
function Record:garden(garden) end

--- Which op ran on which stream when: the timeline of a step.
---@param step integer
---@param spans table[]  as moon.streams():recent() gives them
---@param since number|nil  uv.hrtime() at the start of the step; ops that began before are left out, those of earlier steps that ran since are not
function Record:streams(step, spans, since) end

--- Suspends until the disk keeps what was recorded so far, through a loss of
--- power too. Gives up when a write fails or nothing moves for `patience`.
function Record:sync() end

--- Has everything written, and suspends until the disk keeps it. Gives up, and
--- says so, when a write fails or nothing moves for `patience`. Again: does
--- nothing.
function Record:close() end

--- moon.train.fit: trains a model in the background.
---
---   local run = moon.train.fit{ model, optim = opt, train = train,
---                               valid = valid, epochs = 10, out = "runs/one" }
---   run:await()
---
--- train.fit{ model, optim =, train =, valid =, epochs = 1, ... }
---   batch      128; augment: { flip = true, crop = 2 } of data:batches
---   schedule   of optim.lr: a name of optim.schedule, { name, warmup = 100,
---              ... }, or function(part of the run) -> share of the first rate
---   accumulate  batches whose gradients a step adds up, weighted by their size
---   ema        an optim.EMA of the model, moved after every step; without a
---              garden it is what is validated
---   metrics    { name = metric }: moon.metrics, or { "TopK", k = 5 }, of
---              validation; in run.metrics under valid_name
---   autocast   what products are computed in: "bf16", on a GPU also "f16",
---              with an optimiser that has a loss_scale; see moon.autocast
---   loss       function(model, x, y) -> loss; cross-entropy unless given
---   garden     a seed.Garden of the model
---   out        a folder: checkpoints and the record
---   every      steps between checkpoints; one per epoch unless given
---   keep       how many of the last checkpoints stay (3), beside the best
---   patience   epochs without a better validation loss before it ends
---   rng_seed   where the run's random numbers begin; the caller's unless given
---   quiet      no progress
---   on_event   function(kind, fields)
---@class fit
---@overload fun(options: table): Run
local fit = {}

--- Reports: one HTML file that tells what happened in a run, or in several.
---
---   report.write{ { "runs/first", "runs/second" }, out = "two.html" }
---
--- Everything is computed from the records alone, see docs/record.md.
---@class report
local report = {}

--- train.report.write{ runs, out = path, trace = path }
--- Writes the page of the runs
--- (folders with a record.jsonl, or records), beside the first record unless
--- told where, and a Chrome trace of their streams if `trace` is given.
---@param options table
---@return table  # out, nbytes of the page, trace; runs as they were read
function report.write(options) end

--- moon.train.runs(): the runs of this process, oldest first: those that go on,
--- and those that have ended while somebody still holds them.
--- The runs of this process, oldest first.
---@class runs
---@overload fun(): Run[]
local runs = {}

--- What forward and backward share: fields of your own, and saved tensors.
---@class OpContext
local OpContext = {}

--- Keeps tensors for backward, where `ctx:saved()` returns them. Changing one
--- in place from here on is an error of the backward.
---@param ... Tensor  tensors
function OpContext:save(...) end

--- What forward saved.
---@return Tensor ...
function OpContext:saved() end

--- moon.capture: a function whose operations are recorded once and then queued
--- anew at each call, without Lua and the graph.
---
--- The list is the core's (core/capture). Here: which recording suits a call,
--- what a function may be given and may return, and when to record again.
---@class Capture
---@field fn function
---@field check integer|nil
local Capture = {}

--- Forgets what was recorded: the next call records again.
function Capture:forget() end

--- Counts: recorded, replayed, kept (recordings), ops (of the newest one), and
--- why what was recorded last cannot be replayed, if it cannot.
---@return table
function Capture:stats() end

--- Tasks: coroutines that the loop runs, each the scope of its children.
---
--- A task has ended when its function has returned and its children have ended;
--- when its function raises, the children are cancelled first.
---@class Task
---@field core userdata|nil  the core's moon_task, counted; nil once it ended
---@field done boolean  it has ended
---@field failed boolean  by an error, which is `error` (with `trace`)
---@field cancelled boolean
local Task = {}

--- The task's name, or where its function is defined.
---@return string
function Task:title() end

--- Cancels the task and its children: the ops that have not started will not,
--- and each raises where it waits, or at its next wait.
function Task:cancel() end

--- Gives the task's children, and what of them nobody has awaited, to another
--- task, whose end they do not outlive instead.
---@param heir Task
function Task:hand_over(heir) end

--- Suspends until the task has ended.
---@return any ...  # what its function returned; or raises its error
function Task:await() end

--- Whether the task has ended.
---@return boolean
function Task:is_ready() end

---@class TaskOptions
---@field name string|nil  for reports
---@field same_stream boolean|nil  the caller's stream instead of its own
---@field of_program boolean|nil  a child of moon.main's task, not the caller's, which may end before it
local TaskOptions = {}

--- Streams and events: in-order queues on a device, and points on them.
---@class Stream
---@field number integer  the core's number of it
---@field device integer  the core's number of its device
local Stream = {}

--- The core's number of it.
---@return integer
function Stream:id() end

--- The point that the stream has been filled to.
---@return Event
function Stream:event() end

--- What is submitted to this stream from now on waits for the event, without
--- the host.
---@param event Event
function Stream:wait(event) end

--- Suspends until everything submitted to this stream is complete.
function Stream:synchronize() end

--- Streams and events: in-order queues on a device, and points on them.
---@class Streams
---@field device integer
local Streams = {}

--- The next compute stream, round robin.
---@return Stream
function Streams:next() end

--- The first compute stream.
---@return Stream
function Streams:default() end

--- Runs `fn(stream)` on a stream that nobody else gets meanwhile.
---@param fn function
---@return any ...  # what `fn` returned
function Streams:lease(fn) end

--- Streams:configure{ count = n }
--- How many compute streams round robin uses. An error
--- once streams were handed out and the count differs.
---@param options table
function Streams:configure(options) end

--- Per stream: ops, depth (ops in flight), errors, busy_ns, age_ns, busy (the
--- share), leased, and percentiles of queue and run time in ns.
---@return table[]
function Streams:stats() end

--- The last ops of each stream, newest first: name, stream, status ("ok", ...),
--- submit_ns, start_ns, end_ns on one monotonic clock, the kernel that ran and
--- whose it was (`by`: "cpu", or "ref" where that has none for such a call).
---@param n integer|nil  at most, per stream; 256 unless given
---@return table[]
function Streams:recent(n) end

--- What modules give and cost; as text, a table.
---@class Summary
---@field depth number  how far down the text goes
---@field parameters integer  values
---@field trainable integer  those that are not frozen
---@field bytes integer  of parameters and buffers
---@field flops number  of a forward
---@field output_bytes integer  of what the innermost modules give: about what a training step keeps
---@field rows table[]  of each module: path ("" for the model), class, depth, shape (of its output; nil if it was not called), parameters, trainable, bytes, flops, output_bytes
local Summary = {}

--- A rate that moves; optim.schedule makes them.
---@class Rate
---@field at integer  steps that were taken
---@field first number  the optimiser's rate at the beginning
local Rate = {}

--- Sets the optimiser's rate to that after k steps.
---@param k integer
---@return Rate  # self
function Rate:seek(k) end

--- After an optimiser's step: sets the rate of the next one.
---@return Rate  # self
function Rate:step() end

--- Tells a loss, a number; a plateau looks at it, others do not.
---@param loss number
---@return Rate  # self
function Rate:tell(loss) end

--- Whether it goes by the losses that it is told.
---@return boolean
function Rate:listens() end

--- What a checkpoint needs: where it is, as tensors.
---@return table<string, Tensor>
function Rate:state() end

--- Takes a table as `state` gives it, and sets the optimiser's rate. Other
--- names are an error, and nothing changes then.
---@param given table<string, Tensor>
function Rate:load_state(given) end

--- What it is made of, as plain values: { "cosine", warmup = 50 }. Nil for a
--- function of one's own.
---@return table|nil
function Rate:describe() end

--- A data set: examples x with their targets y, counted by `#`.
---
--- It has a source, which it shares with its parts, and, once it is a part,
--- which of the source's rows are its own (`index`, i64, from 0).
---
--- Lua 5.1 has no `#` for tables, so a data set is a userdata.
---@class Dataset
---@field x Tensor  all examples, made anew at each access
---@field y Tensor|nil  their targets
---@field n integer  how many, also `#dataset`
---@field labelled boolean  whether there are targets
---@field classes string[]|nil  names of the labels
---@field columns string[]|nil  names of x's columns, of a table as text
---@field categories table<string, string[]>|nil  the texts that a column's numbers stand for, by its name
---@operator len: integer
local Dataset = {}

--- Example i: x without the first dimension, y as a tensor.
---@param i integer  from 1, or from -1 back
---@return Tensor  # x
---@return Tensor|nil  # y
function Dataset:get(i) end

--- `length` examples from the one at `start`, counted from 1.
---@param start integer
---@param length integer
---@return Dataset  # dataset
function Dataset:narrow(start, length) end

--- The examples at the given positions; one may come several times.
---@param positions integer[]  from 1
---@return Dataset  # dataset
function Dataset:subset(positions) end

--- The examples in these rows of what the data set was read from.
---@param index Tensor  i64 [n], from 0
---@return Dataset  # dataset
function Dataset:rows(index) end

--- Dataset:split{ n, rng_seed = 0 }
--- Two parts, without n random examples and those n.
--- The same seed gives the same parts.
---@param options table
---@return Dataset  # rest
---@return Dataset  # picked
function Dataset:split(options) end

--- What fn(x, y) makes of every batch, with as many examples: x [B, ...] as
--- users see it, y [B, ...] or nil. It may use any op and draw random numbers,
--- which the epoch tells; flip, crop and the like come after it.
---@param fn fun(x: Tensor, y: Tensor?): Tensor, Tensor?
---@return Dataset  # dataset
function Dataset:map(fn) end

--- The examples of this one, then those of the others.
---@param ... Dataset  data sets
---@return Dataset  # dataset
function Dataset:concat(...) end

--- The same examples in memory, images as they are kept (u8 where they were
--- files): what a function makes or a file holds is made or read once. Waits.
---@return Dataset  # dataset
function Dataset:cache() end

--- Dataset:batches{ size, shuffle = false, weights = nil, samples = nil, flip = false, crop = 0, affine = nil, jitter = nil, normalise = nil, cutout = nil, mixup = nil, drop_last = false, rng_seed = nil, epoch = nil, ahead = 2 }
--- The batches of one epoch, assembled ahead of time on a stream of their own: an
--- iterator over x and y.
---
--- weights: a list or tensor, how often each example is drawn, with replacement, or
--- "balanced", each class as often as the others; samples: how many are drawn, as
--- many as there are unless given. flip: mirror each image with probability 1/2;
--- crop: shift each image by up to so many pixels; then, in this order, what
--- moon.data.augment does with these options: affine { rotate, shear, scale,
--- translate, fill }, jitter { brightness, contrast, saturation, hue }, normalise
--- { mean, std }, cutout a size or { size, fill }, mixup alpha or { alpha,
--- classes }. drop_last: leave out a last batch that is not full; ahead: batches
--- under way beyond the one handed out. Each call is a new epoch, in another order:
--- the task's generator says in which; with rng_seed, that number and how many
--- epochs of this data set used it before, or `epoch`, from 1. How an image is
--- varied is told by the epoch and its place in it alone (with which it is mixed,
--- by the batch).
---@param options table
---@return fun(): Tensor?, Tensor?
function Dataset:batches(options) end

--- A seed: one position in a slot, and what grows there. Its stage, alpha and
--- measures lie in the garden's structure of arrays; what may happen to it is
--- in life.lua.
---
--- While its stage is GERMINATED or TRAINING the module belongs to the seed
--- alone; from BLENDING on it is a child of the slot, `seed1` (and `gate1`), so
--- that the model saves it and the optimiser follows it.
---@class Seed
local Seed = {}

--- Takes part as it did elsewhere, without a garden.
---@param t table  stage, alpha, kind, blueprint, shape
---@param generator userdata  words, as moon_task_generator gives them
function Seed:carry(t, generator) end

--- "BLENDING conv_light, alpha 0.25".
---@return string
function Seed:describe() end

--- The stage, DORMANT without a garden.
---@return string
function Seed:stage() end

--- The share of the blend that was queued last; reading it waits for nothing.
---@return number
function Seed:alpha() end

--- A measure's last value, nil if there is none. See measures.lua.
---@param name string
---@return number|nil
function Seed:measure(name) end

--- How many of its ops have failed.
---@return integer
function Seed:errors() end

--- Every transition, oldest first: { step, epoch, from, stage, why, blueprint,
--- alpha, gate, passed, failed, forced }.
---@return table[]
function Seed:history() end

--- Nothing is known of it any more: no measure, no failure. What is still
--- being measured counts no more.
function Seed:forget() end

--- A stream for its ops, unless the slot has them in the host's: round robin,
--- but not the host's, nor that of another seed here, where there are enough.
---@param device string|nil  the current one unless given
function Seed:take_stream(device) end

--- After the model was moved: so is what does not belong to it yet.
---@param target string  a device or a dtype
function Seed:moved(target) end

--- Calls fn(...), in which an error is the seed's: it fails, and the program
--- goes on. Not so Ctrl-C and what stops the task.
---@param fn function
---@param ... any  for `fn`
---@return any ...  # what `fn` returned; nothing: it has failed
function Seed:try(fn, ...) end

--- A run: training that goes on in a task of its own, and what one may do to it
--- from outside. fit.lua makes them.
---
---   run:await()       to the end; raises what ended it
---   run:pause()       at the next step boundary;  run:resume()
---   run:checkpoint()  suspends until the file is there; during a pause, too
---   run:cancel()
---   run.metrics       numbers, readable at any time: step, epoch, loss, ...
---   run.series        curves by name: { steps = {}, values = {} }
---   run.state         "running", "paused", "done", "failed", "cancelled"
---@class Run
---@field name string  "first" of runs/first
---@field state string  running, paused, done, failed or cancelled
---@field metrics table<string, number>  readable at any time
---@field series table<string, table>  curves by name: { steps = {}, values = {} }
local Run = {}

--- Waits for the end.
---@return Run  # self
function Run:await() end

--- Pauses before the next step.
---@return Run  # self
function Run:pause() end

--- Goes on after a pause.
---@return Run  # self
function Run:resume() end

--- Ends it; what was trained stays in the model.
---@return Run  # self
function Run:cancel() end

--- A checkpoint of the state at the next step boundary.
---@return string  # path
function Run:checkpoint() end

--- What was submitted to a stream so far.
---@class Event
local Event = {}

--- Suspends until all of it is complete.
---@return Event
function Event:await() end

--- Whether all of it is complete.
---@return boolean
function Event:is_ready() end

moon.shape = Tensor.shape
moon.size = Tensor.size
moon.ndim = Tensor.ndim
moon.numel = Tensor.numel
moon.dtype = Tensor.dtype
moon.id = Tensor.id
moon.is_ready = Tensor.is_ready
moon.requires_grad = Tensor.requires_grad
moon.split_regions = Tensor.split_regions
moon.eq = Tensor.eq
moon.ge = Tensor.ge
moon.gt = Tensor.gt
moon.le = Tensor.le
moon.lt = Tensor.lt
moon.ne = Tensor.ne
moon.add = Tensor.add
moon.sub = Tensor.sub
moon.mul = Tensor.mul
moon.div = Tensor.div
moon.pow = Tensor.pow
moon.neg = Tensor.neg
moon.matmul = Tensor.matmul
moon.bmm = Tensor.bmm
moon.softmax = Tensor.softmax
moon.log_softmax = Tensor.log_softmax
moon.to = Tensor.to
moon.clone = Tensor.clone
moon.detach = Tensor.detach
moon.contiguous = Tensor.contiguous
moon.copy_ = Tensor.copy_
moon.fill_ = Tensor.fill_
moon.add_ = Tensor.add_
moon.statistics = Tensor.statistics
moon.grad_stats = Tensor.grad_stats
moon.abs = Tensor.abs
moon.sign = Tensor.sign
moon.floor = Tensor.floor
moon.ceil = Tensor.ceil
moon.round = Tensor.round
moon.clamp = Tensor.clamp
moon.exp = Tensor.exp
moon.log = Tensor.log
moon.sqrt = Tensor.sqrt
moon.sin = Tensor.sin
moon.cos = Tensor.cos
moon.erf = Tensor.erf
moon.relu = Tensor.relu
moon.sigmoid = Tensor.sigmoid
moon.tanh = Tensor.tanh
moon.silu = Tensor.silu
moon.gelu = Tensor.gelu
moon.leaky_relu = Tensor.leaky_relu
moon.elu = Tensor.elu
moon.softplus = Tensor.softplus
moon.isnan = Tensor.isnan
moon.isinf = Tensor.isinf
moon.isfinite = Tensor.isfinite
moon.minimum = Tensor.minimum
moon.maximum = Tensor.maximum
moon.where = Tensor.where
moon.masked_fill = Tensor.masked_fill
moon.logical_not = Tensor.logical_not
moon.logical_and = Tensor.logical_and
moon.logical_or = Tensor.logical_or
moon.logical_xor = Tensor.logical_xor
moon.all = Tensor.all
moon.any = Tensor.any
moon.argmax = Tensor.argmax
moon.argmin = Tensor.argmin
moon.logsumexp = Tensor.logsumexp
moon.max = Tensor.max
moon.mean = Tensor.mean
moon.min = Tensor.min
moon.norm = Tensor.norm
moon.prod = Tensor.prod
moon.std = Tensor.std
moon.sum = Tensor.sum
moon.var = Tensor.var
moon.cumsum = Tensor.cumsum
moon.reshape = Tensor.reshape
moon.view = Tensor.view
moon.shield = Tensor.shield
moon.expand = Tensor.expand
moon.permute = Tensor.permute
moon.t = Tensor.t
moon.transpose = Tensor.transpose
moon.unsqueeze = Tensor.unsqueeze
moon.squeeze = Tensor.squeeze
moon.flatten = Tensor.flatten
moon.narrow = Tensor.narrow
moon.select = Tensor.select
moon.split = Tensor.split
moon.chunk = Tensor.chunk
moon.unbind = Tensor.unbind
moon.index_select = Tensor.index_select
moon.await = Tensor.await
moon.item = Tensor.item
moon.totable = Tensor.totable
moon.map = Tensor.map
moon.global_avg_pool2d = Tensor.global_avg_pool2d
moon.group_norm = Tensor.group_norm
moon.dropout = Tensor.dropout
moon.blend = Tensor.blend
moon.backward = Tensor.backward
moon.keep = Tensor.keep
moon.dispose = Tensor.dispose
moon.flip = Tensor.flip
moon.roll = Tensor.roll
moon.tile = Tensor.tile
moon.tril = Tensor.tril
moon.triu = Tensor.triu
moon.pad = Tensor.pad
moon.layer_norm = Tensor.layer_norm
moon.instance_norm = Tensor.instance_norm
moon.scatter_add = Tensor.scatter_add
moon.sort = Tensor.sort
moon.argsort = Tensor.argsort
moon.topk = Tensor.topk
moon.max_pool2d = Tensor.max_pool2d
moon.adaptive_max_pool2d = Tensor.adaptive_max_pool2d
moon.avg_pool2d = Tensor.avg_pool2d
moon.adaptive_avg_pool2d = Tensor.adaptive_avg_pool2d
moon.unfold = Tensor.unfold
moon.fold = Tensor.fold
moon.nn = nn
nn.AdaptiveAvgPool2d = AdaptiveAvgPool2d
nn.AdaptiveMaxPool2d = AdaptiveMaxPool2d
nn.AvgPool2d = AvgPool2d
nn.BatchNorm2d = BatchNorm2d
nn.Conv2d = Conv2d
nn.ConvTranspose2d = ConvTranspose2d
nn.DropPath = DropPath
nn.Dropout = Dropout
nn.ELU = ELU
nn.Embedding = Embedding
nn.Flatten = Flatten
nn.GELU = GELU
nn.GlobalAvgPool2d = GlobalAvgPool2d
nn.GroupNorm = GroupNorm
nn.Identity = Identity
nn.InstanceNorm2d = InstanceNorm2d
nn.LayerNorm = LayerNorm
nn.LeakyReLU = LeakyReLU
nn.Linear = Linear
nn.LogSoftmax = LogSoftmax
nn.MaxPool2d = MaxPool2d
nn.Mean = Mean
nn.Module = Module
nn.MultiheadAttention = MultiheadAttention
nn.PatchEmbedding = PatchEmbedding
nn.ReLU = ReLU
nn.Residual = Residual
nn.Sequential = Sequential
nn.SiLU = SiLU
nn.Sigmoid = Sigmoid
nn.Softmax = Softmax
nn.Softplus = Softplus
nn.SqueezeExcite = SqueezeExcite
nn.Tanh = Tanh
nn.WeightNorm = WeightNorm
nn.describe = describe
nn.init = init
moon.models = models
moon.optim = optim
optim.Adam = Adam
optim.AdamW = AdamW
optim.EMA = EMA
optim.Lion = Lion
optim.Muon = Muon
optim.Optimiser = Optimiser
optim.RMSprop = RMSprop
optim.SGD = SGD
optim.schedule = schedule
moon.data = data
data.augment = augment
data.folder = folder
moon.metrics = metrics
metrics.AUC = AUC
metrics.Accuracy = Accuracy
metrics.CalibrationError = CalibrationError
metrics.Confusion = Confusion
metrics.F1 = F1
metrics.Mean = Mean
metrics.Metric = Metric
metrics.Precision = Precision
metrics.Recall = Recall
metrics.TopK = TopK
moon.seed = seed
seed.Garden = Garden
seed.Governor = Governor
seed.Slot = Slot
seed.blueprint = blueprint
seed.contribution = contribution
seed.cost = cost
seed.evaluate = evaluate
seed.gates = gates
seed.lanes = lanes
seed.schedule = Schedule
seed.stages = stages
seed.text = text
moon.train = train
train.Record = Record
train.fit = fit
train.report = report
train.runs = runs
moon.version = ""

return moon
