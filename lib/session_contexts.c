/* session_contexts.c - words in their contexts: the vectors that a model has where a corpus uses them, as a stream and as a
 * stored space. */
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "base/map.h"
#include "session_impl.h"
#include "text/sentence.h"

enum {
    TEXTS_HELD = 256,  /* texts that wait to run together; vs_session_run_packed() takes as many as fit */
    KEY_WHOLE = 160,   /* bytes of a text that is a key as it is … */
    KEY_BESIDE = 70,   /* … and of what stands on each side of the word where it is longer */
    BUCKETS = 256
};

/* An occurrence in a text that waits, by bytes and by tokens. */
typedef struct hit {
    size_t begin, end, first, last;
} hit;
/* A text that waits: its occurrences are hits[from..to). */
typedef struct held {
    size_t line, from, to;
    char *label;
} held;

typedef struct reader {
    vs_session *s;
    const vs_model *m;
    const vs_word_texts *c;
    const vs_site *site;
    size_t n_sites, stop_layer, context;
    bool decoder; /* beside an encoder, and it reads the text too, behind its start token */
    float **vec; /* [n_sites], each of its width; allocated at the first pass */
    vs_occurrence_fn *fn;
    void *arg;
    vs_word_texts_count *count;
    const vs_progress *p;
    size_t at, told, size; /* bytes read, those whose texts have run, all */
    struct word {                /* those of the corpus, and of its file */
        const char *s;
        size_t n, next;          /* next: of those that begin alike */
        bool folds;              /* met in any case */
    } *word;
    size_t n_words, head[BUCKETS]; /* by the first byte in small: index + 1, 0 ends */
    vs_arena arena;              /* the words of the file */
    vs_text_input text[TEXTS_HELD];
    held held[TEXTS_HELD];
    size_t n; /* texts that wait */
    hit *hits;
    size_t n_hits, cap_hits;
} reader;

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for a corpus"); }

/* ---- finding the words ---- */

static vs_status add_word(vs_err *err, reader *r, const char *w, size_t n) {
    if (!n) return vs_fail(err, VS_E_USAGE, "a word to look for is empty");
    size_t *head = &r->head[tolower((unsigned char)*w)];
    for (size_t j = *head; j; j = r->word[j - 1].next)
        if (r->word[j - 1].n == n && !memcmp(r->word[j - 1].s, w, n)) return VS_OK;
    if ((r->n_words & (r->n_words - 1)) == 0) { /* grows at powers of two */
        struct word *grown = vs_grow(r->word, r->n_words, r->n_words ? 2 * r->n_words : 1, sizeof *grown);
        if (!grown) return no_memory(err);
        r->word = grown;
    }
    bool folds = true;
    for (size_t i = 0; i < n; i++) folds &= !isupper((unsigned char)w[i]);
    r->word[r->n_words++] = (struct word){.s = w, .n = n, .next = *head, .folds = folds};
    *head = r->n_words;
    return VS_OK;
}

/* A word a line. */
static vs_status words_of_file(vs_err *err, reader *r, const char *path) {
    vs_map m;
    VS_TRY(vs_map_open(err, path, &m));
    vs_status st = VS_OK;
    const char *p = (const char *)m.bytes, *end = p + m.size;
    while (st == VS_OK && p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
        const char *next = nl ? nl + 1 : end;
        while (p < stop && isspace((unsigned char)*p)) p++;
        while (stop > p && isspace((unsigned char)stop[-1])) stop--;
        if (stop > p) {
            const char *copy = vs_arena_strndup(&r->arena, p, (size_t)(stop - p));
            st = copy ? add_word(err, r, copy, (size_t)(stop - p)) : no_memory(err);
        }
        p = next;
    }
    vs_map_close(&m);
    return st;
}

static vs_status all_words(vs_err *err, reader *r) {
    for (size_t i = 0; i < r->c->n_words; i++) VS_TRY(add_word(err, r, r->c->word[i], strlen(r->c->word[i])));
    if (r->c->words) VS_TRY(words_of_file(err, r, r->c->words));
    return r->n_words ? VS_OK : vs_fail(err, VS_E_USAGE, "no word to look for");
}

static vs_status add_hit(vs_err *err, reader *r, size_t begin, size_t end) {
    if (r->n_hits == r->cap_hits) {
        size_t cap = r->cap_hits ? 2 * r->cap_hits : 64;
        hit *grown = vs_grow(r->hits, r->cap_hits, cap, sizeof *grown);
        if (!grown) return no_memory(err);
        r->hits = grown;
        r->cap_hits = cap;
    }
    r->hits[r->n_hits++] = (hit){.begin = begin, .end = end};
    return VS_OK;
}

static vs_status find_words(vs_err *err, reader *r, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = r->head[tolower((unsigned char)text[i])]; k; k = r->word[k - 1].next) {
            const struct word *w = &r->word[k - 1];
            if (vs__word_at(text, n, i, w->s, w->n, w->folds)) VS_TRY(add_hit(err, r, i, i + w->n));
        }
    return VS_OK;
}

/* ---- passes ---- */

static vs_status room_for_vectors(vs_err *err, reader *r, const vs_pass *p) {
    for (size_t i = 0; i < r->n_sites; i++) {
        vs_tensor t;
        VS_TRY(vs_pass_site(err, p, r->site[i], 0, &t));
        if (!r->vec[i]) r->vec[i] = vs_alloc(vs__row_width(&t), sizeof **r->vec);
        if (!r->vec[i]) return no_memory(err);
    }
    return VS_OK;
}

static bool enough(const reader *r, size_t occurrences) { return r->c->most && occurrences >= r->c->most; }

/* Tell of the occurrences in text i, whose rows of the pass begin at row `start`. */
static vs_status tell(vs_err *err, reader *r, const vs_pass *p, size_t i, size_t start) {
    const held *h = &r->held[i];
    for (size_t k = h->from; k < h->to; k++) {
        if (enough(r, r->count->occurrences)) return VS_OK;
        const hit *at = &r->hits[k];
        for (size_t j = 0; j < r->n_sites; j++) {
            vs_tensor t;
            VS_TRY(vs_pass_site(err, p, r->site[j], 0, &t));
            VS_TRY(vs__rows_mean(err, &t, start + at->first, start + at->last, r->vec[j]));
        }
        char *word = vs_strndup(r->text[i].text + at->begin, at->end - at->begin);
        if (!word) return no_memory(err);
        vs_context c = {.text = r->text[i].text,
                        .word = word,
                        .label = h->label,
                        .line = h->line,
                        .at = at->begin,
                        .first = at->first,
                        .position = at->last};
        r->count->occurrences++;
        vs_status st = r->fn(err, r->arg, &c, (const float *const *)r->vec);
        vs_free(word);
        VS_TRY(st);
    }
    return VS_OK;
}

static void let_go(reader *r) {
    for (size_t i = 0; i < r->n; i++) {
        vs_text_input_free(&r->text[i]);
        vs_free(r->held[i].label);
    }
    r->n = r->n_hits = 0;
}

/* Run the texts that wait. */
static vs_status run_held(vs_err *err, reader *r) {
    vs_status st = VS_OK;
    size_t starts[TEXTS_HELD + 1], taken = 0;
    for (size_t i = 0; st == VS_OK && i < r->n && !enough(r, r->count->occurrences); i += taken) {
        vs_request rq = {.keep = r->site, .n_keep = r->n_sites};
        if (!vs_session_edit_count(r->s)) rq.stop_layer = r->stop_layer; /* under edits all of it: each is to hit */
        for (size_t j = 0; j < r->n_sites; j++)
            if (r->site[j].kind == VS_SITE_LOGITS) rq.logits = VS_LOGITS_ALL;
        vs_pass *p = NULL;
        st = vs_session_run_packed(err, r->s, r->text + i, r->n - i, &rq, &taken, starts, &p);
        if (st == VS_OK) st = room_for_vectors(err, r, p);
        for (size_t k = 0; st == VS_OK && k < taken; k++) st = tell(err, r, p, i + k, starts[k]);
        vs_pass_free(p);
        vs_tick(r->p, "reading", r->told + (r->at - r->told) * (i + taken) / r->n, r->size);
    }
    r->told = r->at;
    let_go(r);
    return st;
}

/* ---- reading the corpus ---- */

/* A text: it waits where a word is met in it.  Takes `text`. */
static vs_status take(vs_err *err, reader *r, char *text, const char *label, size_t label_len, size_t line) {
    vs_text_input *in = &r->text[r->n];
    held *h = &r->held[r->n];
    *in = (vs_text_input){.text = text};
    *h = (held){.line = line, .from = r->n_hits};
    r->n++; /* what is in it is let go of with the others */
    size_t n = strlen(text), kept = h->from;
    r->count->texts++;
    VS_TRY(find_words(err, r, text, n));
    if (r->n_hits > h->from && vs_session_tokenize(err, r->s, text, n, &in->tokens) != VS_OK)
        return vs_fail_in(err, "%s, line %zu", r->c->path, line);
    if (r->n_hits > h->from && r->decoder) VS_TRY(vs_session_decoder_input(err, r->s, text, n, true, in));
    int reads = vs_site_reads(r->site[0]);
    const vs_tokens *t = reads ? &in->decoder : &in->tokens;
    bool fits = in->tokens.n <= r->context && in->decoder.n <= r->context;
    for (size_t k = h->from; fits && k < r->n_hits; k++) {
        hit *at = &r->hits[k];
        if (vs__tokens_over(r->m, reads, t, at->begin, at->end, &at->first, &at->last)) r->hits[kept++] = *at;
    }
    r->count->too_long += !fits;
    r->n_hits = h->to = kept;
    if (kept == h->from) { /* nothing in it */
        r->n--;
        vs_text_input_free(in);
        return VS_OK;
    }
    r->count->used++;
    if (label && !(h->label = vs_strndup(label, label_len))) return no_memory(err);
    return r->n < TEXTS_HELD ? VS_OK : run_held(err, r);
}

/* text[n] as one line: the white space of a sentence of prose is single blanks. */
static char *copied(const char *text, size_t n, bool prose) {
    char *to = vs_strndup(text, n);
    size_t len = 0;
    for (size_t i = 0; to && i < n; i++) {
        char c = text[i];
        if (prose && isspace((unsigned char)c)) c = ' ';
        if (prose && c == ' ' && len && to[len - 1] == ' ') continue;
        to[len++] = c ? c : ' '; /* a text ends at its NUL */
    }
    if (to) to[len] = '\0';
    return to;
}

/* The next text of bytes[n]; false at the end.  With a label: its own bytes, which the text lies behind. */
static bool next_text(const reader *r, const char *bytes, size_t n, size_t *at, size_t *begin, size_t *end) {
    if (r->c->prose) return vs_sentence_next(bytes, n, at, begin, end);
    while (*at < n) {
        const char *nl = memchr(bytes + *at, '\n', n - *at);
        *begin = *at;
        *end = nl ? (size_t)(nl - bytes) : n;
        *at = nl ? *end + 1 : n;
        if (*end > *begin && bytes[*end - 1] == '\r') --*end;
        if (*end > *begin) return true;
    }
    return false;
}

static vs_status read_corpus(vs_err *err, reader *r, const char *bytes, size_t n) {
    size_t at = 0, begin, end, line = 1, counted = 0;
    vs_status st = VS_OK;
    while (st == VS_OK && next_text(r, bytes, n, &at, &begin, &end)) {
        for (; counted < begin; counted++) line += bytes[counted] == '\n';
        const char *label = NULL, *tab = r->c->labelled ? memchr(bytes + begin, '\t', end - begin) : NULL;
        size_t label_len = 0;
        if (r->c->labelled && !tab)
            return vs_fail(err, VS_E_FORMAT, "%s, line %zu: wanted LABEL, a tab, TEXT", r->c->path, line);
        if (tab) {
            label = bytes + begin;
            label_len = (size_t)(tab - label);
            begin += label_len + 1;
        }
        char *text = copied(bytes + begin, end - begin, r->c->prose);
        if (!text) return no_memory(err);
        r->at = at;
        st = take(err, r, text, label, label_len, line);
        if (st == VS_OK && vs_interrupted()) st = vs_fail(err, VS_E_STOPPED, "stopped in line %zu of %s", line, r->c->path);
        if (enough(r, r->count->occurrences + r->n_hits)) break;
    }
    if (st == VS_OK) st = run_held(err, r);
    vs_tick(r->p, "reading", 1, 1);
    return st;
}

vs_status vs_session_occurrences(vs_err *err, vs_session *s, const vs_word_texts *c, const vs_site *site, size_t n, const vs_progress *p,
                                 vs_occurrence_fn *fn, void *arg, vs_word_texts_count *count) {
    vs_model *m;
    vs_map map;
    vs_word_texts_count own;
    VS_TRY(vs_session_model(err, s, &m));
    if (c->prose && c->labelled) return vs_fail(err, VS_E_USAGE, "labels are of lines: running text has none");
    VS_TRY(vs_map_open(err, c->path, &map));
    reader *r = vs_zalloc(1, sizeof *r);
    if (!r) {
        vs_map_close(&map);
        return no_memory(err);
    }
    r->s = s, r->m = m, r->c = c, r->site = site, r->n_sites = n, r->fn = fn, r->arg = arg, r->p = p, r->size = map.size;
    r->count = count ? count : &own;
    *r->count = (vs_word_texts_count){0};
    r->context = vs_model_info_of(m)->context ? vs_model_info_of(m)->context : SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        r->decoder |= site[i].stack;
        size_t layers = vs__layers_for(&site[i]);
        if (!layers) r->stop_layer = SIZE_MAX;
        if (layers > r->stop_layer) r->stop_layer = layers;
    }
    if (r->stop_layer == SIZE_MAX) r->stop_layer = 0;
    r->vec = vs_zalloc(n, sizeof *r->vec);
    vs_status st = r->vec ? all_words(err, r) : no_memory(err);
    if (st == VS_OK) st = read_corpus(err, r, (const char *)map.bytes, map.size);
    let_go(r);
    for (size_t i = 0; r->vec && i < n; i++) vs_free(r->vec[i]);
    vs_free(r->vec);
    vs_free(r->word);
    vs_arena_free(&r->arena);
    vs_free(r->hits);
    vs_free(r);
    vs_map_close(&map);
    return st;
}

/* ---- a space of them ---- */

typedef struct maker {
    vs_store *store;
    vs_space_record r;
    vs_space_writer *w; /* begun at the first occurrence: nobody waits for a corpus that has none */
    vs_buf key;
} maker;

/* Where a stretch of at most KEY_BESIDE bytes begins that ends at byte `to`, at a blank if there is one; and where one ends
 * that begins at `from`. */
static size_t stretch_begin(const char *text, size_t to) {
    if (to <= KEY_BESIDE) return 0;
    size_t b = to - KEY_BESIDE, i = b;
    while (i < to && text[i] != ' ') i++;
    if (i < to) return i + 1;
    while ((text[b] & 0xC0) == 0x80) b++;
    return b;
}
static size_t stretch_end(const char *text, size_t from, size_t n) {
    if (n - from <= KEY_BESIDE) return n;
    size_t e = from + KEY_BESIDE, i = e;
    while (i > from && text[i] != ' ') i--;
    if (i > from) return i;
    while ((text[e] & 0xC0) == 0x80) e--;
    return e;
}

/* "he sat on the river [bank]"; a word that is the whole text is its own key. */
static void key_of(const vs_context *c, vs_buf *key) {
    size_t n = strlen(c->text), end = c->at + strlen(c->word);
    vs_buf_clear(key);
    if (end - c->at == n) {
        vs_buf_puts(key, c->text);
        return;
    }
    bool whole = n <= KEY_WHOLE;
    size_t from = whole ? 0 : stretch_begin(c->text, c->at), to = whole ? n : stretch_end(c->text, end, n);
    if (from) vs_buf_puts(key, "… ");
    vs_buf_put(key, c->text + from, c->at - from);
    vs_buf_printf(key, "[%s]", c->word);
    vs_buf_put(key, c->text + end, to - end);
    if (to < n) vs_buf_puts(key, " …");
}

static vs_status store_occurrence(vs_err *err, void *arg, const vs_context *c, const float *const *vec) {
    maker *to = arg;
    if (!to->w) VS_TRY(vs_store_space_begin(err, to->store, &to->r, &to->w));
    key_of(c, &to->key);
    if (to->key.failed) return no_memory(err);
    VS_TRY(vs_store_space_add(err, to->w, to->key.s, to->key.len, vec[0]));
    return vs_store_space_context(err, to->w, c);
}

static vs_status describe(vs_err *err, vs_session *s, const vs_model *m, vs_site site, const char *name, const vs_word_texts *c,
                          maker *to) {
    struct stat file;
    vs_buf config = {0};
    vs_model_record model;
    size_t shape[VS_MAX_DIMS], dim = 1;
    if (stat(c->path, &file) != 0) return vs_fail(err, VS_E_UNKNOWN, "%s: no such file", c->path);
    VS_TRY(vs_session_store(err, s, &to->store));
    vs_id id = 0;
    vs_status st = vs_session_model_record(err, s, m, &config, &model);
    if (st == VS_OK) st = vs_store_model(err, to->store, &model, &id);
    vs_buf_free(&config);
    VS_TRY(st);
    int axes = vs_site_dims(m, site, 1, 1, shape);
    for (int i = 1; i < axes; i++) dim *= shape[i];
    to->r = (vs_space_record){.name = name,
                              .model = id,
                              .metric = "cosine",
                              .source = c->path,
                              .source_size = (uint64_t)file.st_size,
                              .source_mtime = (uint64_t)file.st_mtime,
                              .dim = dim,
                              .layered = site.layer >= 0,
                              .layer = site.layer,
                              .edits = vs_session_edits_text(s)};
    return VS_OK;
}

vs_status vs_session_make_space(vs_err *err, vs_session *s, const char *name, const char *site, const vs_word_texts *c,
                                const vs_progress *p, vs_word_texts_count *count) {
    vs_model *m;
    vs_site at;
    char place[96];
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs__site_of(err, m, 0, site, &at)); /* of two stacks, the encoder unless it is named */
    if (vs_site_shape(at.kind)[0] != 'T')
        return vs_fail(err, VS_E_SHAPE, "%s: wanted a vector for each token of the text that is read", site);
    maker to = {.w = NULL};
    VS_TRY(describe(err, s, m, at, name, c, &to));
    to.r.place = vs_site_name(m, at, true, place, sizeof place);
    vs_status st = vs_session_occurrences(err, s, c, &at, 1, p, store_occurrence, &to, count);
    vs_buf_free(&to.key);
    if (st == VS_OK && !to.w)
        st = vs_fail(err, VS_E_UNKNOWN, "%s: %s is met in none of its texts", c->path, c->n_words == 1 && !c->words ? c->word[0] : "a word that is looked for");
    if (st != VS_OK) {
        vs_store_space_abort(to.w);
        if (st == VS_E_STOPPED) vs_fail_in(err, "%s is not stored", name);
        return st;
    }
    VS_TRY(vs_store_space_commit(err, to.w, NULL));
    vs__space_forget(s, name);
    return VS_OK;
}
