"""vecscope.py - libvecscope from Python: passes, expressions and neighbours as numpy arrays.

    import vecscope
    s = vecscope.Session(models=["gemma3-270m"], spaces=["glove-6b-50d"])
    s.near("queen - king + man")                       # [("woman", 0.89), ...]
    p = s.run("the white swan", keep=["6.resid_pre", "attentions"])
    p["6.resid_pre"]                                   # [T, d]
    with s.edits("zero 5.mlp_out"):
        s.next("Michael Jordan plays the sport of")    # [(id, text, probability), ...]

Arrays of a pass are views of its own memory, not copies; they keep the pass alive.  A thin binding: ctypes over the
functions that the headers in lib/ document.  The library is found beside the checkout or by VECSCOPE_LIB.
"""
import contextlib
import ctypes as C
import os
import numpy as np

_here = os.path.dirname(os.path.abspath(__file__))
_lib = C.CDLL(os.environ.get("VECSCOPE_LIB", os.path.join(_here, "../build/release/libvecscope.so")))
_P, _Z = C.c_void_p, C.c_size_t


class Err(C.Structure):
    _fields_ = [("code", C.c_int), ("msg", C.c_char * 1024)]


class Tokens(C.Structure):
    _fields_ = [("n", _Z), ("id", C.POINTER(C.c_int32)), ("begin", C.POINTER(C.c_uint32)), ("end", C.POINTER(C.c_uint32)),
                ("type", C.POINTER(C.c_uint8)), ("text", C.POINTER(C.c_uint8)), ("special", C.POINTER(C.c_uint8))]


class Tensor(C.Structure):
    _fields_ = [("data", _P), ("dtype", C.c_int), ("ndim", C.c_int), ("shape", _Z * 4), ("stride", _Z * 4)]


class Site(C.Structure):
    _fields_ = [("kind", C.c_int), ("layer", C.c_int16), ("head", C.c_int16), ("stack", C.c_uint8), ("cross", C.c_uint8)]


class NamedSite(C.Structure):
    _fields_ = [("site", Site), ("name", C.c_char * 64)]


class Input(C.Structure):
    _fields_ = [("ids", _P), ("types", _P), ("rows", _Z), ("starts", _P), ("n_seqs", _Z)]


class Request(C.Structure):
    _fields_ = [("input", Input), ("decoder", Input), ("keep", C.POINTER(Site)), ("n_keep", _Z), ("edits", _P), ("n_edits", _Z),
                ("logits", C.c_int), ("kv", _P), ("mask", C.c_int), ("stop_layer", _Z), ("variants", _P), ("reverse", C.c_bool)]


class Buf(C.Structure):
    _fields_ = [("s", C.c_void_p), ("len", _Z), ("cap", _Z), ("failed", C.c_bool)]


class Value(C.Structure):
    _fields_ = [("vec", C.POINTER(C.c_float)), ("number", C.c_double), ("dim", _Z), ("weight", C.c_double), ("of", _P), ("space", _P),
                ("rows", C.POINTER(_Z)), ("n_rows", _Z), ("notes", Buf)]


class Hit(C.Structure):
    _fields_ = [("key", C.c_void_p), ("key_len", _Z), ("row", _Z), ("score", C.c_float)]


for _size, _type in (_lib.vs_request_size, Request), (_lib.vs_value_size, Value), (_lib.vs_hit_size, Hit):
    _size.restype = _Z
    if _size() != C.sizeof(_type):
        raise ImportError(f"vecscope.py describes another libvecscope than the one found: a {_type.__name__} has another size")


class VecscopeError(Exception):
    """A call that failed, with the library's own line."""


def _call(name, *args):
    err = Err()
    f = getattr(_lib, name)
    f.restype = C.c_int
    if f(C.byref(err), *args) != 0:
        raise VecscopeError(err.msg.decode("utf-8", "replace"))


def _view(t, owner):
    """An f32 tensor as a numpy array over the same memory; owner stays alive as long as the array does."""
    shape, stride = tuple(t.shape[: t.ndim]), tuple(t.stride[: t.ndim])
    span = sum((n - 1) * s for n, s in zip(shape, stride)) + 4 if all(shape) else 0
    block = (C.c_char * span).from_address(t.data)
    block.owner = owner
    return np.ndarray(shape, np.float32, buffer=block, strides=stride)


class Pass:
    """A finished pass: its sites by the names asked for, its logits [T or 1, V]."""

    def __init__(self, session, handle, sites, tokens):
        self._session, self._handle, self._sites, self.tokens = session, handle, sites, tokens

    def __del__(self):
        _lib.vs_pass_free(C.c_void_p(self._handle))

    def __iter__(self):
        return iter(self._sites)

    def __getitem__(self, name):
        t = Tensor()
        _call("vs_pass_site", C.c_void_p(self._handle), self._sites[name], _Z(0), C.byref(t))
        return _view(t, self)

    @property
    def logits(self):
        rows = _Z()
        _lib.vs_pass_logits.restype = _P
        data = _lib.vs_pass_logits(C.c_void_p(self._handle), C.byref(rows))
        if not data:
            return None
        V = self._session.vocabulary
        return _view(Tensor(data=data, ndim=2, shape=(rows.value, V, 0, 0), stride=(4 * V, 4, 0, 0)), self)


class Session:
    """Models and spaces that are open; the last opened is current."""

    def __init__(self, models=(), spaces=(), db=None):
        self._handle = C.c_void_p()
        _call("vs_session_new", db.encode() if db else None, C.byref(self._handle))
        for name in spaces:
            _call("vs_session_open_space", self._handle, _find(name).encode(), None, None)
        for name in models:
            _call("vs_session_open_model", self._handle, _find(name).encode(), None)

    def __del__(self):
        if getattr(self, "_handle", None):
            _lib.vs_session_free(self._handle)

    def _model(self):
        m = C.c_void_p()
        _call("vs_session_model", self._handle, C.byref(m))
        return m

    def _tokenizer(self):
        t = C.c_void_p()
        _call("vs_model_tokenizer", self._model(), C.byref(t))
        return t

    @property
    def vocabulary(self):
        """Rows of the unembedding."""
        t = Tensor()
        _lib.vs_model_weight.restype = C.POINTER(Tensor)
        for role in range(64):  # the roles are rows of lib/model/roles.def; UNEMBED is found by its name
            _lib.vs_role_name.restype = C.c_char_p
            if _lib.vs_role_name(role) == b"UNEMBED":
                t = _lib.vs_model_weight(self._model(), role, 0, 0)
                return t.contents.shape[0] if t else 0
        return 0

    def _text(self, function, *args):
        b = Buf()
        function(*args, C.byref(b))
        s = C.string_at(b.s, b.len).decode("utf-8", "replace") if b.s else ""
        _lib.vs_buf_free(C.byref(b))
        return s

    def piece(self, token):
        """The text of one token, with its leading blank."""
        return self._text(_lib.vs_piece_text, self._tokenizer(), C.c_int32(token))

    def run(self, text, keep=(), logits=False):
        """A forward pass, under the edits in force; keep: names as `dump --sites` takes them (a name alone means all layers)."""
        raw, tokens, sites = text.encode(), Tokens(), {}
        for name in keep:
            found, n = C.POINTER(NamedSite)(), _Z()
            _call("vs_site_expand", self._model(), name.encode(), _Z(len(name.encode())), C.byref(found), C.byref(n))
            for i in range(n.value):
                copy = Site()
                C.memmove(C.byref(copy), C.byref(found[i].site), C.sizeof(Site))
                sites[found[i].name.decode()] = copy
            _lib.vs_free(found)
        _call("vs_session_tokenize", self._handle, raw, _Z(len(raw)), C.byref(tokens))
        request, handle = Request(), C.c_void_p()
        request.keep, request.n_keep = (Site * len(sites))(*sites.values()), len(sites)
        request.logits = 2 if logits else 1
        try:
            _call("vs_session_run_text", self._handle, raw, C.byref(tokens), C.byref(request), C.byref(handle))
            ids = tokens.id[: tokens.n]
        finally:
            _lib.vs_tokens_free(C.byref(tokens))
        return Pass(self, handle.value, sites, [(i, self.piece(i)) for i in ids])

    def next(self, text, k=5):
        """The k most likely next tokens: (id, text, probability)."""
        z = self.run(text).logits[-1].astype(np.float64)
        p = np.exp(z - z.max())
        p /= p.sum()
        return [(int(i), self.piece(int(i)), float(p[i])) for i in np.argsort(-p)[:k]]

    def vector(self, expr):
        """An expression's vector, a copy."""
        v, raw = Value(), expr.encode()
        _call("vs_session_eval", self._handle, raw, _Z(len(raw)), C.byref(v))
        out = np.ctypeslib.as_array(v.vec, (v.dim,)).copy()
        _lib.vs_value_free(C.byref(v))
        return out

    def near(self, expr, k=10, space=None):
        """The nearest neighbours of an expression, operands left out: (key, cosine)."""
        v, raw, hits, found, where = Value(), expr.encode(), (Hit * k)(), _Z(), C.c_void_p()
        _call("vs_session_eval", self._handle, raw, _Z(len(raw)), C.byref(v))
        try:
            _call("vs_session_near", self._handle, C.byref(v), space.encode() if space else None, _Z(k), C.c_bool(False), hits, C.byref(found), C.byref(where))
        finally:
            _lib.vs_value_free(C.byref(v))
        return [(C.string_at(h.key, h.key_len).decode("utf-8", "replace"), h.score) for h in hits[: found.value]]

    @contextlib.contextmanager
    def edits(self, text):
        """Run what is inside with the model changed: `with s.edits("zero 5.mlp_out"): …`"""
        raw = text.encode()
        _call("vs_session_push_edits", self._handle, raw, _Z(len(raw)))
        try:
            yield
        finally:
            _lib.vs_session_pop_edits(self._handle)


def _find(name):
    """A catalogued name's place in the cache, or the name itself: a path."""
    cache = os.environ.get("VECSCOPE_CACHE") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "vecscope")
    folder = os.path.join(cache, name)
    if os.path.exists(name) or not os.path.isdir(folder):
        return name
    if os.path.exists(os.path.join(folder, "config.json")):
        return folder
    files = sorted(f for f in os.listdir(folder) if f.endswith((".gguf", ".npy")))
    return os.path.join(folder, files[0]) if files else name
