/* session_tables.c - a model's embedding and unembedding as spaces, with the tokenizer's pieces as keys. */
#include <string.h>

#include "session_impl.h"

/* They are spelt out on first need and kept. */
struct vs__table_keys {
    const vs_tokenizer *tok;
    const char **text; /* [V] or NULL until asked for */
    uint32_t *len;
    size_t n;
    vs_arena arena;
};

static const char *table_key(void *self, size_t row, size_t *len) {
    vs__table_keys *k = self;
    *len = 0;
    if (row >= k->n) return "";
    if (!k->text[row]) {
        vs_buf b = {0};
        vs_piece_text(k->tok, (int32_t)row, &b);
        const char *copy = vs_arena_strndup(&k->arena, b.s ? b.s : "", b.len);
        k->len[row] = copy ? (uint32_t)b.len : 0;
        vs_buf_free(&b);
        if (!copy) return "";
        k->text[row] = copy;
    }
    *len = k->len[row];
    return k->text[row];
}

/* The vocabulary writes a blank as ▁ (SentencePiece) or Ġ (byte-level BPE); a WordPiece word has no mark at all. */
static bool table_find(void *self, const char *key, size_t n, size_t *row) {
    vs__table_keys *k = self;
    static const char *const marks[] = {"\xE2\x96\x81", "\xC4\xA0", ""};
    int32_t id = vs_piece_find(k->tok, key, n);
    for (size_t m = 0; id < 0 && m < 3 && n && memchr(key, ' ', n); m++) {
        vs_buf b = {0};
        for (size_t i = 0; i < n; i++)
            if (key[i] == ' ')
                vs_buf_puts(&b, marks[m]);
            else
                vs_buf_putc(&b, key[i]);
        id = b.len ? vs_piece_find(k->tok, b.s, b.len) : -1;
        if (!*marks[m] && memchr(key + 1, ' ', n - 1)) id = -1; /* two words are not one piece */
        vs_buf_free(&b);
    }
    if (id < 0 || (size_t)id >= k->n) return false;
    *row = (size_t)id;
    return true;
}

static size_t table_split(void *self, const char *text, size_t n, size_t *rows, size_t cap) {
    vs__table_keys *k = self;
    vs_tokens t;
    if (vs_tokenize(NULL, k->tok, text, n, NULL, 0, false, &t) != VS_OK) return 0;
    size_t count = 0;
    for (size_t i = 0; i < t.n; i++) {
        if (t.id[i] < 0 || (size_t)t.id[i] >= k->n) continue;
        if (count < cap) rows[count] = (size_t)t.id[i];
        count++;
    }
    vs_tokens_free(&t);
    return count;
}

static void table_release(void *self) { vs__table_keys_free(self); }

void vs__table_keys_free(vs__table_keys *k) {
    if (!k) return;
    vs_free(k->text);
    vs_free(k->len);
    vs_arena_free(&k->arena);
    vs_free(k);
}

vs_status vs__table_keys_new(vs_err *err, const vs_tokenizer *tok, size_t n, vs__table_keys **out) {
    vs__table_keys *k = *out = vs_zalloc(1, sizeof *k);
    if (k) {
        size_t pieces = vs_vocab_size(tok);
        k->tok = tok;
        k->n = pieces < n ? pieces : n; /* a vocabulary may be padded, in either place */
        k->text = vs_zalloc(k->n, sizeof *k->text);
        k->len = vs_zalloc(k->n, sizeof *k->len);
    }
    if (k && k->text && k->len) return VS_OK;
    vs__table_keys_free(k);
    *out = NULL;
    return vs_fail(err, VS_E_NOMEM, "no memory for %zu keys", n);
}

vs_keys vs__table_keys_of(vs__table_keys *k) {
    return (vs_keys){.self = k, .key = table_key, .find = table_find, .split = table_split, .pieces = true};
}

vs_status vs__space_of_table(vs_err *err, vs__open_model *m, int which, vs_space **out) {
    *out = m->table[which];
    if (*out) return VS_OK;
    const vs_tensor *w =
        vs_model_weight(m->model, which ? VS_ROLE_UNEMBED : VS_ROLE_EMBED, vs_model_info_of(m->model)->n_stacks - 1, 0);
    if (!w)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s has no %s", m->name, which ? "unembedding (W_U)" : "embedding (W_E)");
    const vs_tokenizer *tok;
    VS_TRY(vs_model_tokenizer(err, m->model, &tok));
    vs__table_keys *k;
    VS_TRY(vs__table_keys_new(err, tok, w->shape[0], &k));
    vs_buf name = {0};
    vs_buf_printf(&name, "%s:%s", m->name, which ? "W_U" : "W_E");
    vs_space_desc d = {.name = name.s ? name.s : "",
                       .place = which ? "W_U" : "W_E",
                       .rows = *w,
                       .keys = vs__table_keys_of(k),
                       .release = table_release,
                       .owner = k};
    d.rows.shape[0] = k->n;
    vs_status st =
        name.failed ? vs_fail(err, VS_E_NOMEM, "no memory for a name") : vs_space_new(err, &d, &m->table[which]);
    vs_buf_free(&name);
    if (st != VS_OK) {
        table_release(k);
        return st;
    }
    *out = m->table[which];
    return VS_OK;
}
