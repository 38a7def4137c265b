/* objective.c - see objective.h. */
#include "objective.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "continuing.h"

typedef struct parser {
    vs_err *err;
    vs_model *m;
    const vs_tokenizer *tok;
    const vs_text_input *in;
    const char *all, *at, *answer;
    vs_objectives *out;
} parser;

/* What the last stack reads: the decoder's tokens, where one stands beside an encoder. */
static const vs_tokens *of_last(const parser *p) { return vs_text_grows(p->in); }
static uint8_t last_stack(const vs_model *m) { return (uint8_t)(vs_model_info_of(m)->n_stacks - 1); }

static void blanks(parser *p) { p->at += strspn(p->at, " "); }

static vs_status wrong(parser *p, const char *want) {
    return vs_fail(p->err, VS_E_SYNTAX, "--of \"%s\": want %s at \"%s\"", p->all, want, p->at);
}

/* What stands before `end`, which is stepped over; *s[*n] borrowed. */
static vs_status until(parser *p, char end, const char **s, size_t *n) {
    bool quoted = *p->at == '"';
    const char *stop = quoted ? strchr(p->at + 1, '"') : strchr(p->at, end);
    if (stop && quoted && stop[1] != end) stop = NULL;
    if (!stop) return wrong(p, end == ')' ? "a )" : "a ]");
    *s = p->at + quoted;
    *n = (size_t)(stop - *s);
    p->at = stop + quoted + 1;
    return VS_OK;
}

/* ---- places ---- */

static vs_status one_mask(parser *p, size_t *pos) {
    int32_t mask = vs_role_id(p->tok, VS_TOK_MASK);
    size_t n = 0;
    for (size_t i = 0; i < p->in->tokens.n; i++)
        if (p->in->tokens.id[i] == mask) *pos = i, n++;
    if (n == 1) return VS_OK;
    return vs_fail(p->err, VS_E_RANGE, "--of \"%s\": the text has %zu [MASK]; say where: logit(word)[position]", p->all, n);
}

/* An optional [POS] in what a stack reads; without one the last position, or the mask's. */
static vs_status place(parser *p, int stack, bool needed, size_t *from, size_t *to) {
    bool decoder = stack && p->in->decoder.n;
    const vs_tokens *t = decoder ? &p->in->decoder : &p->in->tokens;
    const char *pos;
    size_t n;
    if (*p->at == '[') {
        p->at++;
        VS_TRY(until(p, ']', &pos, &n));
        return vs_position_find(p->err, p->m, stack, decoder ? p->in->target : p->in->text, t, pos, n, from, to);
    }
    if (needed) return wrong(p, "a [position]");
    *from = t->n - 1;
    if (vs_model_info_of(p->m)->masked) VS_TRY(one_mask(p, from));
    *to = *from;
    return VS_OK;
}

/* ---- terms ---- */

/* Numbers [from, to] of a site, their mean times factor, in the objective of that site. */
static vs_status add_term(parser *p, vs_site site, size_t from, size_t to, size_t index, float factor) {
    vs_objectives *o = p->out;
    size_t i = 0;
    while (i < o->n && (o->of[i].targets || o->of[i].site.kind != site.kind || o->of[i].site.layer != site.layer ||
                        o->of[i].site.stack != site.stack || o->of[i].site.cross != site.cross))
        i++;
    if (i == VS_TERMS || (i < o->n && o->of[i].n_terms + (to - from) >= VS_TERMS))
        return vs_fail(p->err, VS_E_RANGE, "--of \"%s\": more than %d terms", p->all, VS_TERMS);
    if (i == o->n) o->of[o->n++] = (vs_objective){.site = site, .factor = 1, .terms = o->term[i]};
    for (size_t pos = from; pos <= to; pos++)
        o->term[i][o->of[i].n_terms++] = (vs_term){0, (int32_t)pos, index, factor / (float)(to - from + 1)};
    return VS_OK;
}

/* #ID: an id as it is; one that is too long for any model is the largest. */
static bool is_id(const char *s, size_t n) { return n > 1 && s[0] == '#' && strspn(s + 1, "0123456789") >= n - 1; }
static int32_t id_of(const char *s) {
    unsigned long id = strtoul(s + 1, NULL, 10);
    return id < INT32_MAX ? (int32_t)id : INT32_MAX;
}

/* The token that a text begins with, blanks by themselves left out; where it is several, that is noted. */
static vs_status token_of(parser *p, const char *s, size_t n, int32_t *id) {
    vs_tokens t;
    vs_buf piece = {0}, *notes = &p->out->notes;
    if (is_id(s, n)) {
        *id = id_of(s);
        return VS_OK;
    }
    VS_TRY(vs_tokenize(p->err, p->tok, s, n, NULL, 0, false, &t));
    size_t i = 0;
    for (; i + 1 < t.n; i++) {
        vs_buf_clear(&piece);
        vs_piece_text(p->tok, t.id[i], &piece);
        if (piece.len > strspn(piece.s ? piece.s : "", " ")) break;
    }
    vs_status st = t.n ? VS_OK : vs_fail(p->err, VS_E_RANGE, "--of \"%s\": a token is missing", p->all);
    if (st == VS_OK) *id = t.id[i];
    if (i + 1 < t.n) {
        vs_buf_printf(notes, "%s\"%.*s\" is", notes->len ? "; " : "", (int)n, s);
        for (size_t k = i; k < t.n; k++) {
            vs_buf_puts(notes, k > i ? " · " : " ");
            vs_piece_text(p->tok, t.id[k], notes);
        }
        vs_buf_puts(notes, ": its first token is taken");
    }
    vs_buf_free(&piece);
    vs_tokens_free(&t);
    return st;
}

static vs_status logit(parser *p, float factor) {
    const char *s;
    size_t n, from, to;
    int32_t id = 0;
    VS_TRY(until(p, ')', &s, &n));
    if (!vs_model_info_of(p->m)->has_logits)
        return vs_fail(p->err, VS_E_UNSUPPORTED, "--of: %s has no head that gives words", vs_model_info_of(p->m)->name);
    VS_TRY(token_of(p, s, n, &id));
    VS_TRY(place(p, last_stack(p->m), false, &from, &to));
    return add_term(p, (vs_site){.kind = VS_SITE_LOGITS, .layer = -1, .head = -1, .stack = last_stack(p->m)}, from, to, (size_t)id, factor);
}

static vs_status class_of(parser *p, int32_t *out) {
    blanks(p);
    if (*p->at != '0' && *p->at != '1') return wrong(p, "0 (it follows) or 1 (it does not)");
    *out = *p->at++ - '0';
    if (*p->at != ')') return wrong(p, "a )");
    p->at++;
    return VS_OK;
}
static const vs_site nsp_site = {.kind = VS_SITE_NSP, .layer = -1, .head = -1};

static vs_status number_of_site(parser *p, float factor) {
    size_t n = strcspn(p->at, "["), from, to;
    vs_site site;
    char *end;
    while (n && p->at[n - 1] == ' ') n--;
    VS_TRY(vs_site_parse(p->err, p->m, p->at, n, &site));
    if (site.head >= 0) return wrong(p, "a site without its head; number the whole position");
    p->at += n;
    VS_TRY(place(p, vs_site_reads(site), true, &from, &to));
    if (*p->at != '[' || !isdigit((unsigned char)p->at[1])) return wrong(p, "a [number]");
    size_t index = strtoull(p->at + 1, &end, 10);
    p->at = end;
    if (*p->at != ']') return wrong(p, "a ]");
    p->at++;
    return add_term(p, site, from, to, index, factor);
}

/* ---- losses ---- */

/* What the masks stand for: a text's tokens, or ids as they are, "#12 #57". */
static vs_status answer_tokens(parser *p, vs_tokens *out) {
    const char *s = p->answer;
    size_t n = 0, word;
    for (; *(s += strspn(s, " ")); s += word, n++)
        if (!is_id(s, word = strcspn(s, " "))) return vs_tokenize(p->err, p->tok, p->answer, strlen(p->answer), NULL, 0, false, out);
    VS_TRY(vs_tokens_grow(p->err, &(vs_tokens){0}, n, out));
    for (s = p->answer; out->n < n; s += strcspn(s, " ")) out->id[out->n++] = id_of(s += strspn(s, " "));
    return VS_OK;
}

/* The answer's tokens at the masks, in order. */
static vs_status masked_targets(parser *p) {
    const vs_tokens *t = &p->in->tokens;
    int32_t mask = vs_role_id(p->tok, VS_TOK_MASK);
    vs_tokens a;
    size_t n = 0, masks = 0;
    if (!p->answer)
        return vs_fail(p->err, VS_E_USAGE, "--of loss: %s fills masks: --answer says what each [MASK] stands for", vs_model_info_of(p->m)->name);
    VS_TRY(answer_tokens(p, &a));
    for (size_t i = 0; i < t->n; i++) {
        p->out->targets[i] = -1;
        if (t->id[i] != mask) continue;
        if (n < a.n) p->out->targets[i] = a.id[n++];
        masks++;
    }
    vs_status st = masks == a.n ? VS_OK
                                : vs_fail(p->err, VS_E_RANGE, "--of loss: the text has %zu [MASK], \"%s\" is %zu tokens", masks, p->answer, a.n);
    vs_tokens_free(&a);
    return st;
}

static vs_status loss(parser *p, float factor) {
    const vs_tokens *t = of_last(p);
    vs_objectives *o = p->out;
    if (*p->at == '(') {
        p->at++;
        blanks(p);
        if (strncmp(p->at, "nsp", 3)) return wrong(p, "nsp");
        p->at += 3;
        blanks(p);
        if (*p->at++ != ',') return p->at--, wrong(p, "a comma");
        VS_TRY(class_of(p, &o->follows));
        if (o->n == VS_TERMS) return vs_fail(p->err, VS_E_RANGE, "--of \"%s\": more than %d terms", p->all, VS_TERMS);
        o->of[o->n++] = (vs_objective){.site = nsp_site, .factor = factor, .targets = &o->follows};
        return VS_OK;
    }
    const vs_model_info *info = vs_model_info_of(p->m);
    if (!info->has_logits) return vs_fail(p->err, VS_E_UNSUPPORTED, "--of loss: %s has no head that gives words", info->name);
    if (o->targets) return vs_fail(p->err, VS_E_SYNTAX, "--of \"%s\": loss twice", p->all);
    if (!(o->targets = vs_alloc(t->n, sizeof *o->targets))) return vs_fail(p->err, VS_E_NOMEM, "no memory for %zu targets", t->n);
    if (info->masked) VS_TRY(masked_targets(p));
    else if (t->n < 2) return vs_fail(p->err, VS_E_RANGE, "--of loss: a text of one token has no next one%s", info->n_stacks > 1 ? "; --target says what the decoder is to say" : "");
    else vs_targets_next(&(vs_input){.ids = t->id, .rows = t->n, .n_seqs = 1}, o->targets);
    if (p->in->decoder.n && p->in->ends) o->targets[t->n - 1] = t->id[t->n]; /* what ends the target is to be said too */
    if (o->n == VS_TERMS) return vs_fail(p->err, VS_E_RANGE, "--of \"%s\": more than %d terms", p->all, VS_TERMS);
    o->of[o->n++] = (vs_objective){
        .site = {.kind = VS_SITE_LOGITS, .layer = -1, .head = -1, .stack = last_stack(p->m)}, .factor = factor, .targets = o->targets};
    return VS_OK;
}

/* ---- the whole ---- */

static bool word(parser *p, const char *s) {
    size_t n = strlen(s);
    if (strncmp(p->at, s, n)) return false;
    p->at += n;
    return true;
}

static vs_status term(parser *p, float factor) {
    char *end;
    int32_t which;
    blanks(p);
    float f = strtof(p->at, &end);
    const char *star = end + strspn(end, " ");
    if (end != p->at && *star == '*') { /* else a site may begin with its layer */
        factor *= f;
        p->at = star + 1;
        blanks(p);
    }
    if (word(p, "logit(")) return logit(p, factor);
    if (word(p, "nsp(")) {
        VS_TRY(class_of(p, &which));
        return add_term(p, nsp_site, 0, 0, (size_t)which, factor);
    }
    if (!strncmp(p->at, "loss", 4) && !isalnum((unsigned char)p->at[4])) return word(p, "loss") ? loss(p, factor) : VS_OK;
    if (!*p->at) return wrong(p, "logit(token), loss, nsp(0) or site[position][number]");
    return number_of_site(p, factor);
}

vs_status vs_objectives_parse(vs_err *err, vs_model *m, const vs_text_input *in, const char *of, const char *answer,
                              vs_objectives *out) {
    parser p = {.err = err, .m = m, .in = in, .all = of, .at = of, .answer = answer, .out = out};
    float sign = 1;
    *out = (vs_objectives){0};
    VS_TRY(vs_model_tokenizer(err, m, &p.tok));
    blanks(&p);
    if (*p.at == '-') sign = -1, p.at++;
    for (;;) {
        VS_TRY(term(&p, sign));
        blanks(&p);
        if (!*p.at) return VS_OK;
        if (*p.at == '+') sign = 1, p.at++;
        else if (*p.at == '-') sign = -1, p.at++;
        else if (!strncmp(p.at, "−", 3)) sign = -1, p.at += 3;
        else return wrong(&p, "+ or -");
    }
}

void vs_objectives_free(vs_objectives *o) {
    vs_free(o->targets);
    vs_buf_free(&o->notes);
    *o = (vs_objectives){0};
}
