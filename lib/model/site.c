/* site.c - hook points by name. */
#include <stdio.h>
#include <string.h>

#include "../base/str.h"
#include "config.h"
#include "model_impl.h"

enum { NAME_ROOM = 96, SUGGESTIONS = 3 };

static const struct site_row {
    const char *name, *brief, *shape, *words;
} sites[VS_SITE_COUNT] = {
#define SITE(name, tl, brief, shape, words) {tl, brief, shape, words},
#include "sites.def"
#undef SITE
};

static const struct alias_row {
    vs_site_kind kind;
    const char *name;
} aliases[] = {
#define SITE(name, tl, brief, shape, words)
#define ALIAS(site, name) {VS_SITE_##site, name},
#include "sites.def"
#undef SITE
};
enum { ALIASES = sizeof aliases / sizeof *aliases };

const char *vs_site_words(vs_site_kind k) { return (unsigned)k < VS_SITE_COUNT ? sites[k].words : ""; }
const char *vs_site_shape(vs_site_kind k) { return (unsigned)k < VS_SITE_COUNT ? sites[k].shape : ""; }

int vs_site_dims(const vs_model *m, vs_site s, size_t T, size_t S, size_t shape[VS_MAX_DIMS]) {
    const vs_stack_info *k = &m->info.stack[s.stack < m->info.n_stacks ? s.stack : 0];
    bool embedded = s.kind == VS_SITE_EMBED || s.kind == VS_SITE_POS_EMBED || s.kind == VS_SITE_TYPE_EMBED;
    int n = 0;
    size_t rows = vs_site_reads(s) == s.stack ? T : S; /* the second T of a pattern means the keys */
    for (const char *c = sites[s.kind].shape; *c; c++) {
        if (*c == '1' || (s.head >= 0 && (*c == 'H' || *c == 'K'))) continue;
        switch (*c) {
        case 'T': shape[n++] = rows, rows = S; break;
        case 'd': shape[n++] = embedded ? (size_t)m->hp[VS_HP_E] : k->d; break;
        case 'H': shape[n++] = k->H; break;
        case 'K': shape[n++] = k->KV; break;
        case 'h': shape[n++] = k->dh; break;
        case 'f': shape[n++] = k->f; break;
        case 'V': shape[n++] = m->info.V; break;
        default: shape[n++] = (size_t)(*c - '0'); break;
        }
    }
    return n;
}

const char *vs_site_alias(size_t i) {
    size_t at = 0;
    for (int a = 0; a < ALIASES; a++) /* those that begin with a layer are short names, as good as 3.attn.pattern */
        if (aliases[a].name[0] != '%' && at++ == i) return aliases[a].name;
    return NULL;
}

/* Whether a name is base, up to its %d, or ends in it after . or _ (decoder.mlp_out, cross_attentions). */
static bool is_named(const char *name, const char *base, bool whole) {
    size_t n = strlen(name), m = strcspn(base, "%");
    if (m && base[m] == '%' && base[m - 1] == '.') m--;
    if (!m || n < m || memcmp(name + n - m, base, m) != 0) return false;
    return n == m || (!whole && strchr("._x", name[n - m - 1])); /* x: of xattn */
}

const char *vs_site_shape_named(const char *name) {
    if (!strncmp(name, "grad.", 5)) name += 5; /* a gradient has the shape of its site */
    for (int whole = 1; whole >= 0; whole--) {
        for (int k = 0; k < VS_SITE_COUNT; k++)
            if (is_named(name, sites[k].brief, whole)) return sites[k].shape;
        for (int a = 0; a < ALIASES; a++)
            if (is_named(name, aliases[a].name, whole)) return sites[aliases[a].kind].shape;
    }
    return "Td";
}

static bool layered(vs_site_kind k) { return strstr(sites[k].name, "%d") != NULL; }
static bool in_attention(vs_site_kind k) { return strstr(sites[k].brief, "attn") != NULL; }

static const vs_sub *find_sub(const vs_stack *s, vs_sub_kind kind) {
    for (size_t i = 0; i < sizeof s->sub / sizeof *s->sub; i++)
        if (s->sub[i].kind == kind) return &s->sub[i];
    return NULL;
}

/* Whether a stack of the model has such sites. */
static bool has_site(const vs_model *m, int stack, bool cross, vs_site_kind k) {
    const vs_stack *s = &m->arch->stack[stack];
    const vs_sub *attn = find_sub(s, cross ? VS_SUB_CROSS : VS_SUB_SELF), *mlp = find_sub(s, VS_SUB_MLP);
    bool last = stack == m->info.n_stacks - 1;
    if (!attn || !mlp || (cross && !in_attention(k))) return false;
    switch (k) {
    case VS_SITE_POS_EMBED: return s->pos == VS_POS_LEARNED || s->pos == VS_POS_SINUSOID;
    case VS_SITE_EMBED_MAP: return m->stack[stack].w[VS_ROLE_EMBED_MAP].t.data != NULL;
    case VS_SITE_TYPE_EMBED: return m->stack[stack].w[VS_ROLE_TYPE].t.data != NULL;
    case VS_SITE_ATTN_NORM: return attn->pre;
    case VS_SITE_Q_NORM:
    case VS_SITE_K_NORM: return s->qk_norm && !cross;
    case VS_SITE_ROT_Q:
    case VS_SITE_ROT_K: return m->stack[stack].rope_dims && !cross;
    case VS_SITE_ATTN_RAW: return attn->branch;
    case VS_SITE_NORM_MID: return attn->post;
    case VS_SITE_RESID_MID_X: return find_sub(s, VS_SUB_CROSS) != NULL;
    case VS_SITE_NORM_MID_X: return attn->post && find_sub(s, VS_SUB_CROSS) != NULL;
    case VS_SITE_MLP_NORM: return mlp->pre;
    case VS_SITE_MLP_UP: return m->stack[stack].gated;
    case VS_SITE_MLP_RAW: return mlp->branch;
    case VS_SITE_FINAL_NORM: return s->final_norm;
    case VS_SITE_LOGITS: return last && m->info.has_logits;
    case VS_SITE_POOLED: return last && m->has[VS_PART_POOLER];
    case VS_SITE_NSP: return last && m->has[VS_PART_NSP];
    default: return true;
    }
}

/* How many layers have a site; the residual stream is also there after the last. */
static size_t layers_of(const vs_model *m, int stack, vs_site_kind k) {
    return !layered(k) ? 0 : m->stack[stack].L + (k == VS_SITE_RESID_PRE ? 1 : 0);
}

/* How many heads a site has; 0: it is not divided into heads. */
static size_t heads_of(const vs_model *m, vs_site s) {
    const vs_stack_info *si = &m->info.stack[s.stack];
    if (strchr(sites[s.kind].shape, 'H')) return si->H;
    return strchr(sites[s.kind].shape, 'K') ? si->KV : 0;
}

/* A name's pattern with its layer: short names of layered sites follow `%d.`. */
static const char *pattern_of(vs_site_kind k, bool brief, char buf[NAME_ROOM]) {
    if (!brief) return sites[k].name;
    snprintf(buf, NAME_ROOM, "%s%s", layered(k) ? "%d." : "", sites[k].brief);
    return buf;
}

const char *vs_site_name(const vs_model *m, vs_site s, bool brief, char *buf, size_t size) {
    char pattern[NAME_ROOM], number[24], name[NAME_ROOM], head[24] = "";
    snprintf(number, sizeof number, "%d", s.layer);
    brief |= s.cross && !strstr(sites[s.kind].name, "attn"); /* a name in which xattn can be said */
    vs__fill(pattern_of(s.kind, brief, pattern), number, name, sizeof name);
    const char *stack = m->info.n_stacks > 1 && s.kind != VS_SITE_LOGITS ? m->arch->stack[s.stack].name : "";
    const char *attn = s.cross ? strstr(name, "attn") : NULL;
    int cut = attn ? (int)(attn - name) : 0;
    if (s.head >= 0) snprintf(head, sizeof head, ".h%d", s.head);
    snprintf(buf, size, "%s%s%.*s%s%s%s", stack, *stack ? "." : "", cut, name, attn ? "x" : "", name + cut, head);
    return buf;
}

/* What a text says, before it is held against a model. */
typedef struct spoken {
    int stack;        /* -1: not said */
    bool cross, x;    /* x: said as xattn */
    size_t lead;      /* bytes before the name: what says the stack */
    char name[NAME_ROOM]; /* without the stack, and with `attn` for `xattn` */
} spoken;

static vs_status listen(vs_err *err, const vs_model *m, const char *text, size_t n, spoken *out) {
    *out = (spoken){.stack = -1};
    if (n >= NAME_ROOM || memchr(text, '\0', n))
        return vs_fail(err, VS_E_UNKNOWN, "no site has a name of %zu bytes like \"%.40s…\"", n, n >= 40 ? text : "");
    char *s = out->name;
    memcpy(s, text, n);
    s[n] = '\0';
    for (int i = 0; i < m->info.n_stacks && m->info.n_stacks > 1; i++) {
        size_t k = strlen(m->arch->stack[i].name);
        if (strncmp(s, m->arch->stack[i].name, k) != 0) continue;
        bool hf = s[k] == '_' && (!strncmp(s + k + 1, "hidden_states", 13) || !strncmp(s + k + 1, "attentions", 10));
        if (s[k] != '.' && !hf) continue;
        out->stack = i;
        memmove(s, s + k + 1, strlen(s + k + 1) + 1);
        out->lead = k + 1;
        break;
    }
    if (m->info.n_stacks > 1 && out->stack < 0 && strncmp(s, "cross_attentions", 16) == 0) {
        out->stack = 1;
        out->cross = true;
        memmove(s, s + 6, strlen(s + 6) + 1);
        out->lead = 6;
    }
    char *x = strstr(s, "xattn");
    if (x) {
        out->cross = out->x = true;
        memmove(x, x + 1, strlen(x + 1) + 1);
    }
    return VS_OK;
}

/* A small number at *s, which moves behind it; -1 where there is none. */
static int32_t read_number(const char **s) {
    int32_t x = -1;
    for (int i = 0; **s >= '0' && **s <= '9'; i++, (*s)++) {
        if (i >= 5) return -1;
        x = (x < 0 ? 0 : x * 10) + (**s - '0');
    }
    return x > INT16_MAX ? -1 : x;
}

/* Whether s is the pattern with a layer in place of its %d, and maybe a head behind it. */
static bool match(const char *pattern, const char *s, vs_site *out) {
    out->layer = out->head = -1;
    for (; *pattern; pattern++) {
        if (*pattern == '%') {
            int32_t x = read_number(&s);
            if (x < 0) return false;
            out->layer = (int16_t)x;
            pattern++;
        } else if (*pattern != *s++) return false;
    }
    if (s[0] == '.' && s[1] == 'h') {
        s += 2;
        int32_t x = read_number(&s);
        if (x < 0) return false;
        out->head = (int16_t)x;
    }
    return *s == '\0';
}

static bool match_any(const char *s, vs_site *out) {
    char buf[NAME_ROOM];
    for (int k = 0; k < VS_SITE_COUNT; k++)
        for (int brief = 0; brief < 2; brief++)
            if (match(pattern_of((vs_site_kind)k, brief != 0, buf), s, out)) {
                out->kind = (vs_site_kind)k;
                return true;
            }
    for (int a = 0; a < ALIASES; a++)
        if (match(aliases[a].name, s, out)) {
            out->kind = aliases[a].kind;
            return true;
        }
    return false;
}

/* The names nearest to a text, for a message: ", e.g. 3.mlp_out, 3.mlp.out".  The layer is the text's own. */
typedef struct near_names {
    char name[SUGGESTIONS][NAME_ROOM];
    size_t far[SUGGESTIONS];
    size_t n;
} near_names;

static void consider(near_names *best, const char *text, const char *name) {
    size_t n = strlen(text), far = vs_edit_distance(text, n, name, strlen(name));
    if (far > (n < 6 ? 3 : n / 2)) return;
    size_t i = best->n < SUGGESTIONS ? best->n++ : SUGGESTIONS - 1;
    if (best->n == SUGGESTIONS && i == SUGGESTIONS - 1 && best->name[i][0] && best->far[i] <= far) return;
    for (; i > 0 && best->far[i - 1] > far; i--) {
        best->far[i] = best->far[i - 1];
        memcpy(best->name[i], best->name[i - 1], NAME_ROOM);
    }
    best->far[i] = far;
    snprintf(best->name[i], NAME_ROOM, "%s", name);
}

static vs_status unknown_site(vs_err *err, const vs_model *m, const char *text, size_t n, const char *why) {
    char asked[NAME_ROOM], pattern[NAME_ROOM], number[24], name[NAME_ROOM], list[SUGGESTIONS * NAME_ROOM] = "";
    snprintf(asked, sizeof asked, "%.*s", (int)(n < sizeof asked ? n : sizeof asked - 1), text);
    const char *digits = asked + strcspn(asked, "0123456789");
    int32_t layer = read_number(&digits);
    int stack = m->info.n_stacks - 1;
    if (layer < 0 || (size_t)layer >= m->stack[stack].L) layer = 0;
    snprintf(number, sizeof number, "%d", (int)layer);
    near_names best = {.n = 0};
    for (int k = 0; k < VS_SITE_COUNT; k++)
        for (int brief = 0; brief < 2 && has_site(m, stack, false, (vs_site_kind)k); brief++)
            consider(&best, asked, vs__fill(pattern_of((vs_site_kind)k, brief != 0, pattern), number, name, sizeof name));
    for (int a = 0; a < ALIASES; a++) consider(&best, asked, vs__fill(aliases[a].name, number, name, sizeof name));
    for (size_t i = 0, at = 0; i < best.n; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "; near: ", best.name[i]);
    return vs_fail(err, VS_E_UNKNOWN, "%s has no site \"%s\"%s%s", m->info.name, asked, why, list);
}

/* Which stack a site without a word about it means: the usual one, or the decoder where that one has no such sites. */
static void choose_stack(const vs_model *m, const spoken *sp, int usual, vs_site *s) {
    int last = m->info.n_stacks - 1;
    bool there = usual < last && !sp->cross && has_site(m, usual, false, s->kind);
    s->stack = (uint8_t)(sp->stack >= 0 ? sp->stack : there ? usual : last);
    s->cross = sp->cross;
}

vs_status vs_site_parse(vs_err *err, const vs_model *m, const char *text, size_t n, vs_site *out) {
    return vs_site_parse_in(err, m, m->info.n_stacks - 1, text, n, out);
}

vs_status vs_site_parse_in(vs_err *err, const vs_model *m, int stack, const char *text, size_t n, vs_site *out) {
    spoken sp;
    vs_site s = {.layer = -1, .head = -1};
    VS_TRY(listen(err, m, text, n, &sp));
    if (!match_any(sp.name, &s)) return unknown_site(err, m, text, n, "");
    choose_stack(m, &sp, stack, &s);
    size_t layers = layers_of(m, s.stack, s.kind), heads = heads_of(m, s);
    bool counted_by_hf = strncmp(sp.name, "hidden_states", 13) == 0;
    if (counted_by_hf && s.layer + 1 == (int)layers && has_site(m, s.stack, false, VS_SITE_FINAL_NORM))
        s = (vs_site){.kind = VS_SITE_FINAL_NORM, .layer = -1, .head = s.head, .stack = s.stack};
    if (!has_site(m, s.stack, s.cross != 0, s.kind)) {
        char why[160];
        snprintf(why, sizeof why, " (%s)", sites[s.kind].words);
        return unknown_site(err, m, text, n, why);
    }
    if (s.layer >= 0 && (size_t)s.layer >= layers)
        return vs_fail(err, VS_E_UNKNOWN, "%.*s: %s has layers 0 to %zu there", (int)n, text, m->info.name, layers - 1);
    if (s.head >= 0 && heads == 0)
        return vs_fail(err, VS_E_UNKNOWN, "%.*s: this site has no heads (%s)", (int)n, text, sites[s.kind].words);
    if (s.head >= 0 && (size_t)s.head >= heads)
        return vs_fail(err, VS_E_UNKNOWN, "%.*s: %s has heads 0 to %zu there", (int)n, text, m->info.name, heads - 1);
    *out = s;
    return VS_OK;
}

/* A growing list of sites; each name once. */
typedef struct site_list {
    vs_named_site *at;
    size_t n, room;
} site_list;

static vs_status push(vs_err *err, site_list *list, vs_site s, const char *name) {
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i].name, name) == 0) return VS_OK;
    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        vs_named_site *at = vs_grow(list->at, list->n, room, sizeof *at);
        if (!at) return vs_fail(err, VS_E_NOMEM, "a list of %zu sites", room);
        list->at = at;
        list->room = room;
    }
    vs_named_site *p = &list->at[list->n++];
    p->site = s;
    snprintf(p->name, sizeof p->name, "%s", name);
    return VS_OK;
}

/* The sites from..to of sites.def that a stack has, in one layer (-1: those of the whole stack). */
static vs_status push_range(vs_err *err, const vs_model *m, int stack, int layer, bool cross, int from, int to,
                            site_list *list) {
    char name[NAME_ROOM];
    for (int k = from; k <= to; k++) {
        vs_site s = {.kind = (vs_site_kind)k, .layer = (int16_t)layer, .head = -1, .stack = (uint8_t)stack, .cross = cross};
        if (layered(s.kind) == (layer >= 0) && has_site(m, stack, cross, s.kind))
            VS_TRY(push(err, list, s, vs_site_name(m, s, false, name, sizeof name)));
    }
    return VS_OK;
}

/* Every site, in the order of a pass. */
static vs_status push_all(vs_err *err, const vs_model *m, site_list *list) {
    for (int i = 0; i < m->info.n_stacks; i++) {
        int L = (int)m->stack[i].L;
        VS_TRY(push_range(err, m, i, -1, false, 0, VS_SITE_RESID_PRE - 1, list));
        for (int l = 0; l < L; l++) {
            VS_TRY(push_range(err, m, i, l, false, VS_SITE_RESID_PRE, VS_SITE_NORM_MID, list));
            if (m->info.stack[i].cross) VS_TRY(push_range(err, m, i, l, true, VS_SITE_RESID_PRE, VS_SITE_NORM_MID, list));
            VS_TRY(push_range(err, m, i, l, false, VS_SITE_NORM_MID + 1, VS_SITE_RESID_POST, list));
        }
        VS_TRY(push_range(err, m, i, L, false, VS_SITE_RESID_PRE, VS_SITE_RESID_PRE, list));
        VS_TRY(push_range(err, m, i, -1, false, VS_SITE_RESID_POST + 1, VS_SITE_COUNT - 1, list));
    }
    return VS_OK;
}

vs_status vs_site_list(vs_err *err, const vs_model *m, vs_site **out, size_t *n) {
    site_list list = {0};
    *out = NULL;
    *n = 0;
    vs_status s = push_all(err, m, &list);
    if (s == VS_OK) {
        *out = vs_alloc(list.n, sizeof **out);
        if (!*out) s = vs_fail(err, VS_E_NOMEM, "a list of %zu sites", list.n);
    }
    for (size_t i = 0; s == VS_OK && i < list.n; i++) (*out)[i] = list.at[i].site;
    if (s == VS_OK) *n = list.n;
    vs_free(list.at);
    return s;
}

/* Whether s is a pattern without its layer: `attentions`, `attn.z`, `attn.hook_z`, `blocks.attn.hook_z`, each maybe with
 * a head.  full: the pattern with that head. */
static bool match_unlayered(const char *pattern, const char *s, char full[NAME_ROOM]) {
    const char *at = strstr(pattern, "%d");
    if (!at) return false;
    size_t before = (size_t)(at - pattern), n = strlen(s);
    const char *after = at[2] == '.' ? at + 3 : at + 2, *head = s + n;
    while (head > s && head[-1] >= '0' && head[-1] <= '9') head--;
    if (head - s < 2 || !*head || head[-1] != 'h' || head[-2] != '.') head = s + n;
    else head -= 2;
    char bare[2 * NAME_ROOM];
    size_t body = (size_t)(head - s);
    int both = snprintf(bare, sizeof bare, "%.*s%s", (int)before, pattern, after);
    if (both > 0 && bare[both - 1] == '.') bare[--both] = '\0';
    bool same = (size_t)both == body && strncmp(bare, s, body) == 0;
    bool tail = body > 0 && strlen(after) == body && strncmp(after, s, body) == 0;
    return (same || tail) && snprintf(full, NAME_ROOM, "%s%s", pattern, head) < NAME_ROOM;
}

static bool find_unlayered(const char *s, char full[NAME_ROOM], vs_site_kind *kind) {
    char buf[NAME_ROOM];
    for (int a = 0; a < ALIASES; a++)
        if (match_unlayered(aliases[a].name, s, full)) {
            *kind = aliases[a].kind;
            return true;
        }
    for (int k = 0; k < VS_SITE_COUNT; k++)
        for (int brief = 0; brief < 2; brief++)
            if (match_unlayered(pattern_of((vs_site_kind)k, brief != 0, buf), s, full)) {
                *kind = (vs_site_kind)k;
                return true;
            }
    return false;
}

/* One entry of a list: a site, or a site of every layer. */
static vs_status expand_one(vs_err *err, const vs_model *m, const char *text, size_t n, site_list *list) {
    char full[NAME_ROOM], number[24], name[NAME_ROOM * 2];
    vs_site site;
    vs_site_kind kind;
    spoken sp;
    if (n == 3 && memcmp(text, "all", 3) == 0) return push_all(err, m, list);
    VS_TRY(listen(err, m, text, n, &sp));
    if (!find_unlayered(sp.name, full, &kind)) {
        VS_TRY(vs_site_parse(err, m, text, n, &site));
        snprintf(name, sizeof name, "%.*s", (int)n, text);
        return push(err, list, site, name);
    }
    for (size_t l = 0, L = layers_of(m, sp.stack < 0 ? m->info.n_stacks - 1 : sp.stack, kind); l < L; l++) {
        snprintf(number, sizeof number, "%zu", l);
        memcpy(name, text, sp.lead);
        vs__fill(full, number, name + sp.lead, NAME_ROOM);
        char *x = sp.x ? strstr(name + sp.lead, "attn") : NULL;
        if (x) {
            memmove(x + 1, x, strlen(x) + 1);
            *x = 'x';
        }
        VS_TRY(vs_site_parse(err, m, name, strlen(name), &site));
        VS_TRY(push(err, list, site, name));
    }
    return VS_OK;
}

vs_status vs_site_expand(vs_err *err, const vs_model *m, const char *text, size_t n, vs_named_site **out, size_t *count) {
    site_list list = {0};
    vs_status s = VS_OK;
    *out = NULL;
    *count = 0;
    for (size_t i = 0; i <= n && s == VS_OK; i++) {
        size_t end = i;
        while (end < n && text[end] != ',') end++;
        size_t a = i, b = end;
        while (a < b && text[a] == ' ') a++;
        while (b > a && text[b - 1] == ' ') b--;
        if (a < b) s = expand_one(err, m, text + a, b - a, &list);
        else s = vs_fail(err, VS_E_SYNTAX, "a site is missing in the list \"%.*s\"", (int)(n < 80 ? n : 80), text);
        i = end;
    }
    if (s == VS_OK) {
        *out = list.at;
        *count = list.n;
    } else vs_free(list.at);
    return s;
}
