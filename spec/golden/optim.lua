-- Made by make_golden.py with PyTorch 2.15.0; do not edit.
return {
{ op = "SGD", name = "plain", p = { lr = 0.1 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.0755615234374996, 0.9352600097656253,
2.14459228515625, -1.15692138671875, -0.36665649414062496, 0.902325439453125 }
}, { shape = { 4 }, values = { -1.0595397949218746, -0.663153076171875,
2.26544189453125, -0.09332275390625004 } } },
g = {  } },
{ op = "SGD", name = "weight decay", p = { lr = 0.1, weight_decay = 0.01 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.0676156076436971, 0.9301237018510897,
2.134620656213829, -1.1502236747887693, -0.36487346278369737, 0.8974750468748327
} }, { shape = { 4 }, values = { -1.0517217648693395, -0.6599181022160164,
2.254505641711839, -0.09511470646133154 } } },
g = {  } },
{ op = "SGD", name = "momentum", p = { lr = 0.1, momentum = 0.9 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { 0.41271051269531284, 0.7202771185302733,
3.1783380859375003, -0.31871570312499986, -0.5889920074462891, 1.524666721801758
} }, { shape = { 4 }, values = { 0.4026357293701175, -1.2373099713134768,
3.1023454345703128, -0.9875277954101563 } } },
g = {  } },
{ op = "SGD", name = "momentum and weight decay", p = { lr = 0.05, momentum =
0.9, weight_decay = 0.0005 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -0.7725041096257442, 0.9047264624192167,
2.458199933278013, -0.9343134212941814, -0.4489673543331877, 1.1704795148924216
} }, { shape = { 4 }, values = { -0.7615290598132651, -0.8719410159250308,
2.540983166149282, -0.20573735259987552 } } },
g = {  } },
{ op = "SGD", name = "Nesterov", p = { lr = 0.1, momentum = 0.9, nesterov =
true, weight_decay = 0.0005 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { 1.0598695335677193, 0.6019054076829018,
3.4377626990924566, -0.047080953852360226, -0.6182367815177893,
1.5383511390397109 } }, { shape = { 4 }, values = { 1.0379688645132716,
-1.3198039142170739, 3.2725690810817656, -1.5009516545868544 } } },
g = {  } },
{ op = "SGD", name = "clipped to norm 1", p = { lr = 0.1, momentum = 0.9,
max_norm = 1 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.3871496831143562, 1.0011406876688447,
2.0674278179886, -1.2631602523703065, -0.3727115730963596, 0.9661760551992566 }
}, { shape = { 4 }, values = { -1.365307748266349, -0.6649086180437871,
2.23217841227071, 0.18681139205395247 } } },
g = {  } },
{ op = "SGD", name = "values cut to 0.5", p = { lr = 0.1, max_value = 0.5 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.7088623046874998, 1.057366943359375,
1.9064086914062501, -1.3229248046874997, -0.30811767578125, 0.86689453125 } }, {
shape = { 4 }, values = { -1.6768188476562498, -0.5394348144531251,
2.0997680664062495, 0.32635498046875 } } },
g = {  } },
{ op = "SGD", name = "values cut, then the norm", p = { lr = 0.1, momentum =
0.9, max_norm = 0.7, max_value = 0.5 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.6533076105218476, 1.0743660032685083,
1.994717705371406, -1.2562560928336652, -0.32578638529845727, 0.9525837021049252
} }, { shape = { 4 }, values = { -1.6212641534905976, -0.6249348995781154,
2.199857978085737, 0.27080028630309794 } } },
g = {  } },
{ op = "Adam", name = "as it comes", p = { lr = 0.01 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.909043753378015, 1.0756239890257095,
1.783488033856146, -1.50362693119598, -0.3098852774608699, 0.8466841840412462 }
}, { shape = { 4 }, values = { -1.8770040884789, -0.5403635825215708,
2.022748751455836, 0.5263514346117485 } } },
g = {  } },
{ op = "Adam", name = "weight decay", p = { lr = 0.05, weight_decay = 0.1 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.7097442877906457, 1.0035076219148702,
1.951142093401057, -1.3122965191286466, -0.30874715969137934, 0.9561728353454684
} }, { shape = { 4 }, values = { -1.6777191299133987, -0.6682582920429668,
2.1725617709298435, 0.3260972265638512 } } },
g = {  } },
{ op = "Adam", name = "other betas and eps", p = { lr = 0.02, betas = { 0.8,
0.95 }, eps = 0.01 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.8599594435095501, 1.0639613452766281,
1.8241161681418965, -1.458957021530495, -0.3123357346991634, 0.872607472951167 }
}, { shape = { 4 }, values = { -1.8279366532427521, -0.5707029097436757,
2.0600135888619744, 0.4761781989755916 } } },
g = {  } },
{ op = "Adam", name = "clipped to norm 1", p = { lr = 0.05, max_norm = 1 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.7085596986519163, 1.0158286502064167,
1.9637504033255904, -1.3104947719323958, -0.31352128700012977,
0.9621862098164536 } }, { shape = { 4 }, values = { -1.67652423605225,
-0.6646121305092942, 2.1912584288467096, 0.32869389992233633 } } },
g = {  } },
{ op = "AdamW", name = "as it comes", p = { lr = 0.01 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.9080745028599977, 1.0750835571836819,
1.782608910578863, -1.5028614782096594, -0.3097328229185523, 0.8462675853401819
} }, { shape = { 4 }, values = { -1.8760508561939713, -0.5401013180040629,
2.0217489411909986, 0.5260733047118444 } } },
g = {  } },
{ op = "AdamW", name = "weight decay", p = { lr = 0.05, weight_decay = 0.1 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.663769244073031, 0.9928574474653654,
1.9147170871770434, -1.278821374349693, -0.30571805207628394, 0.9435765824227881
} }, { shape = { 4 }, values = { -1.632537790515502, -0.6592406959877065,
2.1382760026225642, 0.3145570271148491 } } },
g = {  } },
{ op = "AdamW", name = "other betas and eps", p = { lr = 0.02, betas = { 0.8,
0.95 }, eps = 0.01 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.8580410556212326, 1.0628880550803015,
1.8223396068317457, -1.4574454889815898, -0.31203378246371083, 0.871758588797348
} }, { shape = { 4 }, values = { -1.8260502905730396, -0.5701612941353483,
2.0579961115090937, 0.4756418149019202 } } },
g = {  } },
{ op = "AdamW", name = "clipped to norm 1", p = { lr = 0.05, max_norm = 1 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.7039173424594962, 1.0132169893221965,
1.9591641354746043, -1.3068681891444565, -0.3128005679881233, 0.9599420977867423
} }, { shape = { 4 }, values = { -1.6719619049496317, -0.6631284032527893,
2.186072305408148, 0.3275030501480235 } } },
g = {  } },
{ op = "RMSprop", name = "as it comes", p = { lr = 0.01 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.643677308839186, 1.0106647450444384,
1.9405078638984388, -1.302134324581599, -0.29342039854471524, 0.9541780758514014
} }, { shape = { 4 }, values = { -1.611804033535593, -0.7210201941813269,
2.1512730986938937, 0.20226291010837738 } } },
g = {  } },
{ op = "RMSprop", name = "weight decay", p = { lr = 0.02, alpha = 0.9,
weight_decay = 0.1 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.7515881089710394, 1.0255100110956328,
1.8533571213645286, -1.380870352518524, -0.2950098716036455, 0.8946419047080987
} }, { shape = { 4 }, values = { -1.7196479480695024, -0.6374432439931458,
2.0632147598582455, 0.3349364672083431 } } },
g = {  } },
{ op = "RMSprop", name = "momentum", p = { lr = 0.01, momentum = 0.9 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.0256224111167127, 0.86321767813392,
2.466224322531233, -0.7403478318473192, -0.25202155206547655, 1.4780650756353395
} }, { shape = { 4 }, values = { -0.9939095322539951, -1.3678645321495548,
2.653475240307411, -0.47927031411525306 } } },
g = {  } },
{ op = "RMSprop", name = "centered", p = { lr = 0.01, alpha = 0.9, centered =
true },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.8397473761334433, 1.0614751511935276,
1.8105504815150764, -1.459612464912092, -0.3023779237268269, 0.8640127341370104
} }, { shape = { 4 }, values = { -1.80777087358235, -0.5810021908741217,
2.0399930976337948, 0.4364320203723545 } } },
g = {  } },
{ op = "RMSprop", name = "centered, with momentum", p = { lr = 0.01, alpha =
0.95, momentum = 0.8, centered = true, eps = 0.001 },
inputs = { { shape = { 2, 3 }, salt = 1, fill = "signed" }, { shape = { 4 },
salt = 2, fill = "signed" }, { shape = { 2, 3 }, salt = 3, fill = "signed" }, {
shape = { 4 }, salt = 4, fill = "signed" }, { shape = { 2, 3 }, salt = 5, fill =
"signed" }, { shape = { 4 }, salt = 6, fill = "signed" }, { shape = { 2, 3 },
salt = 7, fill = "signed" }, { shape = { 4 }, salt = 8, fill = "signed" }, {
shape = { 2, 3 }, salt = 9, fill = "signed" }, { shape = { 4 }, salt = 10, fill
= "signed" }, { shape = { 2, 3 }, salt = 11, fill = "signed" }, { shape = { 4 },
salt = 12, fill = "signed" } },
y = { { shape = { 2, 3 }, values = { -1.5740531235746131, 1.003324304685,
2.0272889108470444, -1.2236192347573958, -0.2914898790008857, 1.0683399637688509
} }, { shape = { 4 }, values = { -1.5421722136468927, -0.8403861748141367,
2.2435765814245445, 0.1395609691769562 } } },
g = {  } },
}
