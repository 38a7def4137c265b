/* streams.c - see streams.h. */
#include "streams.h"

#include <stdio.h>
#include <string.h>

static const char *const built_in[] = {
    "The river rose all night, and by morning the bridge was under water.",
    "She put the letter back into the drawer and said nothing to her brother.",
    "In 1905 a clerk in a patent office changed what physicists meant by time.",
    "Bread needs flour, water, salt and a good deal of patience.",
    "If the price of oil falls again, the smaller companies will have to close.",
    "He plays the violin badly but with great pleasure.",
    "The capital of France is Paris; the capital of Japan is Tokyo.",
    "Nobody knew why the old king had left his crown to a stranger.",
    "A prime number has no divisors other than one and itself.",
    "Take the second street on the left and walk until you see the church.",
    "The team lost three games in a row before it finally won at home.",
    "Light travels faster than sound, so we see the flash before we hear the thunder.",
    "Her doctor told her to sleep more, eat less sugar and stop worrying.",
    "The parliament voted on Tuesday against the new law on immigration.",
    "Two of the children were laughing; the third had fallen asleep in the grass.",
    "This program reads a file, counts its words and prints the ten most frequent.",
    "Birds that live on islands often lose the power of flight.",
    "The bank refused the loan because the house stood too near the river bank.",
    "I would have called you earlier, had I known that you were waiting.",
    "Mountains look blue from far away, and so do most things that we want.",
};

void vs_text_sample_free(vs_text_sample *s) {
    vs_free(s->text);
    vs_arena_free(&s->arena);
    *s = (vs_text_sample){0};
}

/* The lines of a file that are not blank. */
static vs_status lines(vs_err *err, const char *path, vs_text_sample *out) {
    vs_map file;
    VS_TRY(vs_map_open(err, path, &file));
    const char *s = (const char *)file.bytes;
    size_t count = 1;
    for (size_t i = 0; i < file.size; i++) count += s[i] == '\n';
    out->text = vs_alloc(count, sizeof *out->text);
    vs_status st = out->text ? VS_OK : vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu lines", path, count);
    for (size_t i = 0, end; st == VS_OK && i < file.size; i = end + 1) {
        for (end = i; end < file.size && s[end] != '\n'; end++) continue;
        size_t n = end - i, blank = 0;
        while (n && s[i + n - 1] == '\r') n--;
        while (blank < n && s[i + blank] == ' ') blank++;
        if (blank == n) continue;
        if (memchr(s + i, '\0', n)) st = vs_fail(err, VS_E_FORMAT, "%s: text %zu holds a NUL", path, out->n + 1);
        out->text[out->n] = vs_arena_strndup(&out->arena, s + i, n);
        if (!out->text[out->n++]) st = vs_fail(err, VS_E_NOMEM, "%s: no memory for its texts", path);
    }
    vs_map_close(&file);
    if (st == VS_OK && !out->n) st = vs_fail(err, VS_E_FORMAT, "%s: there is no text in it", path);
    return st;
}

vs_status vs_text_sample_of(vs_err *err, const vs_args *a, vs_text_sample *out) {
    *out = (vs_text_sample){0};
    const char *text = vs_text(a, "text"), *path = vs_text(a, "file");
    if (text && path) return vs_fail(err, VS_E_USAGE, "--text or --file, not both");
    out->name = path ? path : text ? "one text" : "20 built-in sentences";
    if (path) return lines(err, path, out);
    out->n = text ? 1 : sizeof built_in / sizeof *built_in;
    out->text = vs_alloc(out->n, sizeof *out->text);
    if (!out->text) return vs_fail(err, VS_E_NOMEM, "no memory for %zu texts", out->n);
    for (size_t i = 0; i < out->n; i++) out->text[i] = text ? text : built_in[i];
    return VS_OK;
}

vs_model *vs_named_model(vs_session *s, const char *name) {
    vs_model *m = NULL;
    const char *have;
    if (!name) return vs_session_model(NULL, s, &m) == VS_OK ? m : NULL;
    for (size_t i = 0; i < vs_session_models(s); i++)
        if ((m = vs_session_model_at(s, i, &have)) && !strcmp(have, name)) return m;
    return NULL;
}

/* ---- passes ---- */

void vs_streams_free(vs_streams *s) {
    vs_free(s->x);
    vs_free(s->text);
    vs_free(s->begin);
    vs_free(s->end);
    *s = (vs_streams){0};
}

/* Tokens of all texts, and how many rows they will be. */
typedef struct passes {
    vs_tokens *tokens; /* [n] */
    vs_site *site;     /* [L + 1] */
    size_t n;
} passes;

static void passes_free(passes *p) {
    for (size_t i = 0; p->tokens && i < p->n; i++) vs_tokens_free(&p->tokens[i]);
    vs_free(p->tokens);
    vs_free(p->site);
}

static vs_status read_texts(vs_err *err, const vs_text_sample *texts, bool special, passes *p, vs_streams *out) {
    const vs_tokenizer *tok;
    VS_TRY(vs_model_tokenizer(err, out->model, &tok));
    p->tokens = vs_zalloc(texts->n, sizeof *p->tokens);
    p->site = vs_zalloc(out->L + 1, sizeof *p->site);
    if (!p->tokens || !p->site) return vs_fail(err, VS_E_NOMEM, "no memory for %zu texts", texts->n);
    for (size_t l = 0; l <= out->L; l++)
        p->site[l] = (vs_site){.kind = VS_SITE_RESID_PRE, .layer = (int16_t)l, .head = -1};
    p->n = texts->n;
    for (size_t i = 0; i < texts->n; i++) {
        vs_status s = vs_tokenize(err, tok, texts->text[i], strlen(texts->text[i]), NULL, 0, true, &p->tokens[i]);
        if (s != VS_OK) return vs_fail_in(err, "text %zu", i + 1);
        for (size_t t = 0; t < p->tokens[i].n; t++) out->T += special || !p->tokens[i].special[t];
    }
    size_t rows, nd;
    if (vs_mul(out->L + 1, out->T, &rows) && vs_mul(rows, out->d, &nd)) out->x = vs_alloc_wide(nd, sizeof *out->x);
    out->text = vs_alloc(out->T, sizeof *out->text);
    out->begin = vs_alloc(out->T, sizeof *out->begin);
    out->end = vs_alloc(out->T, sizeof *out->end);
    return out->x && out->text && out->begin && out->end
               ? VS_OK
               : vs_fail(err, VS_E_NOMEM, "no memory for the streams of %zu tokens", out->T);
}

static vs_status one_pass(vs_err *err, vs_session *s, const char *text, const passes *p, size_t i, size_t L,
                          vs_model *m, vs_pass **pass) {
    vs_model *current = vs_named_model(s, NULL);
    const vs_tokens *t = &p->tokens[i];
    vs_request rq = {.keep = p->site, .n_keep = L + 1};
    if (m == current) return vs_session_run_text(err, s, text, t, &rq, pass);
    rq.in = (vs_input){.ids = t->id, .types = t->type, .rows = t->n};
    return vs_run(err, m, &rq, pass);
}

vs_status vs_streams_run(vs_err *err, vs_session *s, vs_model *m, const vs_text_sample *texts, bool special,
                         const vs_progress *progress, vs_streams *out) {
    const vs_stack_info *k = &vs_model_info_of(m)->stack[0];
    *out = (vs_streams){.model = m, .L = k->L, .d = k->d};
    passes p = {0};
    vs_status st = read_texts(err, texts, special, &p, out);
    size_t row = 0;
    for (size_t i = 0; st == VS_OK && i < texts->n; i++) {
        vs_pass *pass = NULL;
        const vs_tokens *t = &p.tokens[i];
        vs_tensor x;
        if (!t->n) continue;
        st = vs_interrupted() ? vs_fail(err, VS_E_STOPPED, "interrupted")
                              : one_pass(err, s, texts->text[i], &p, i, out->L, m, &pass);
        for (size_t l = 0; st == VS_OK && l <= out->L; l++) {
            st = vs_pass_site(err, pass, p.site[l], 0, &x);
            float *to = out->x + (l * out->T + row) * out->d;
            for (size_t r = 0; st == VS_OK && r < t->n; r++) {
                if (!special && t->special[r]) continue;
                memcpy(to, vs_tensor_row(&x, r), out->d * sizeof *to);
                to += out->d;
            }
        }
        for (size_t r = 0; st == VS_OK && r < t->n; r++) {
            if (!special && t->special[r]) continue;
            out->text[row] = i;
            out->begin[row] = t->begin[r];
            out->end[row++] = t->end[r];
        }
        vs_pass_free(pass);
        vs_tick(progress, "passes", i + 1, texts->n);
    }
    passes_free(&p);
    return st;
}

/* ---- words ---- */

typedef struct word {
    size_t text, begin, end; /* its bytes */
} word;

/* What stands between blanks in all texts. */
static vs_status words_of(vs_err *err, const vs_text_sample *texts, word **out, size_t *n) {
    size_t cap = 0;
    for (size_t i = 0; i < texts->n; i++) cap += strlen(texts->text[i]) / 2 + 1;
    *n = 0;
    *out = vs_alloc(cap, sizeof **out);
    if (!*out) return vs_fail(err, VS_E_NOMEM, "no memory for %zu words", cap);
    for (size_t i = 0; i < texts->n; i++) {
        const char *t = texts->text[i];
        for (size_t b = 0, e; t[b]; b = e) {
            while (t[b] == ' ' || t[b] == '\t') b++;
            for (e = b; t[e] && t[e] != ' ' && t[e] != '\t'; e++) continue;
            if (e > b) (*out)[(*n)++] = (word){i, b, e};
        }
    }
    return VS_OK;
}

/* Rows [first, last] that lie over a word, from row `at` on; false: none does. */
static bool rows_over(const vs_streams *s, const word *w, size_t at, size_t *first, size_t *last) {
    bool any = false;
    for (size_t r = at; r < s->T && s->text[r] <= w->text; r++) {
        if (s->text[r] < w->text || s->end[r] <= w->begin || s->begin[r] >= w->end) continue;
        if (!any) *first = r;
        *last = r;
        any = true;
    }
    return any;
}

/* The words that all models have tokens of: first, last [n, words] rows of them. */
static size_t shared(vs_streams *const *s, size_t n, const word *w, size_t words, size_t *first, size_t *last) {
    size_t kept = 0;
    for (size_t k = 0; k < words; k++) {
        bool all = true;
        for (size_t i = 0; all && i < n; i++) {
            size_t at = kept ? first[i * words + kept - 1] : 0;
            all = rows_over(s[i], &w[k], at, &first[i * words + kept], &last[i * words + kept]);
        }
        kept += all;
    }
    return kept;
}

static vs_status take_words(vs_err *err, vs_streams *s, const size_t *first, const size_t *last, size_t n) {
    size_t rows, nd, d = s->d;
    bool causal = vs_model_info_of(s->model)->stack[0].causal;
    float *x = vs_mul(s->L + 1, n, &rows) && vs_mul(rows, d, &nd) ? vs_zalloc(nd, sizeof *x) : NULL;
    if (!x) return vs_fail(err, VS_E_NOMEM, "no memory for the streams of %zu words", n);
    for (size_t l = 0; l <= s->L; l++)
        for (size_t w = 0; w < n; w++) {
            size_t from = causal ? last[w] : first[w];
            for (size_t r = from; r <= last[w]; r++)
                vs_axpy(1.0F / (float)(last[w] - from + 1), s->x + (l * s->T + r) * d, x + (l * n + w) * d, d);
        }
    vs_free(s->x);
    s->x = x;
    s->T = n;
    return VS_OK;
}

vs_status vs_streams_words(vs_err *err, vs_streams *const *s, size_t n, const vs_text_sample *texts) {
    word *w = NULL;
    size_t words, kept = 0;
    vs_status st = words_of(err, texts, &w, &words);
    size_t *first = st == VS_OK ? vs_alloc(words, n * sizeof *first) : NULL,
           *last = first ? vs_alloc(words, n * sizeof *last) : NULL;
    if (st == VS_OK && !last) st = vs_fail(err, VS_E_NOMEM, "no memory for %zu words", words);
    if (st == VS_OK) kept = shared(s, n, w, words, first, last);
    for (size_t i = 0; st == VS_OK && i < n; i++) st = take_words(err, s[i], first + i * words, last + i * words, kept);
    vs_free(w);
    vs_free(first);
    vs_free(last);
    return st;
}
