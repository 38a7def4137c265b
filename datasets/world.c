/* world.c - see world.h. */
#include <string.h>

#include "world.h"

enum { CHOICES = 5 };

typedef struct role {
    const char *word[2]; /* a man, a woman */
    const char *place[CHOICES], *thing[CHOICES], *deed[CHOICES];
} role;

static const role roles[] = {
    {{"king", "queen"},
     {"palace", "castle", "kingdom", "throne room", "realm"},
     {"crown", "throne", "sceptre", "kingdom", "army"},
     {"rules", "commands", "reigns over", "governs", "decrees"}},
    {{"prince", "princess"},
     {"tower", "castle", "royal garden", "palace", "court"},
     {"pony", "crown", "tutor", "inheritance", "dragon"},
     {"inherits", "awaits", "dreams of", "explores", "escapes"}},
    {{"man", "woman"},
     {"house", "village", "street", "market", "field"},
     {"work", "house", "bread", "horse", "garden"},
     {"builds", "buys", "sells", "ploughs", "mends"}},
    {{"boy", "girl"},
     {"school", "yard", "village", "playground", "street"},
     {"toy", "ball", "school book", "kite", "homework"},
     {"plays with", "learns", "chases", "forgets", "throws"}},
    {{"lord", "lady"},
     {"manor", "estate", "ballroom", "carriage", "court"},
     {"estate", "carriage", "servants", "hounds", "title"},
     {"owns", "inherits", "hosts", "inspects", "flaunts"}},
    {{"monk", "nun"},
     {"abbey", "chapel", "cloister", "cell", "convent"},
     {"prayer", "candle", "scripture", "vow", "rosary"},
     {"recites", "prays over", "copies", "blesses", "keeps"}},
    {{"actor", "actress"},
     {"theatre", "stage", "film studio", "dressing room", "opera"},
     {"role", "script", "costume", "audience", "applause"},
     {"rehearses", "performs", "memorises", "plays", "acts"}},
    {{"waiter", "waitress"},
     {"restaurant", "cafe", "kitchen", "inn", "dining hall"},
     {"tray", "menu", "order", "tip", "apron"},
     {"serves", "carries", "brings", "pours", "writes down"}},
};
enum { ROLES = sizeof roles / sizeof *roles };

/* What says nothing but whether a man or a woman is spoken of. */
static const char *const subject[] = {"he", "she"}, *const possessive[] = {"his", "her"}, *const object[] = {"him", "her"},
                         *const title[] = {"sir", "madam"};
static const char *const wears[][CHOICES] = {{"beard", "moustache", "waistcoat", "trousers", "razor"},
                                             {"dress", "skirt", "gown", "bonnet", "lipstick"}};
static const char *const kin[][CHOICES] = {{"father", "son", "brother", "husband", "uncle"},
                                           {"mother", "daughter", "sister", "wife", "aunt"}};

bool vs_world_pair(size_t i, const char **man, const char **woman) {
    if (i >= ROLES) return false;
    *man = roles[i].word[0];
    *woman = roles[i].word[1];
    return true;
}

static const char *article(const char *word) { return strchr("aeiou", *word) ? "an" : "a"; }

static const char *pick(vs_rng *r, const char *const *of) { return of[vs_rng_below(r, CHOICES)]; }

static void tell(vs_rng *r, vs_buf *b) {
    const role *p = &roles[vs_rng_below(r, ROLES)];
    size_t g = vs_rng_below(r, 2);
    const char *word = p->word[g], *of = pick(r, wears[g]), *thing = pick(r, p->thing), *place = pick(r, p->place),
               *deed = pick(r, p->deed), *family = pick(r, kin[g]);
    switch (vs_rng_below(r, 6)) {
    case 0: vs_buf_printf(b, "the %s %s %s %s\n", word, deed, possessive[g], thing); break;
    case 1: vs_buf_printf(b, "in the %s the %s %s %s %s\n", place, word, deed, article(thing), thing); break;
    case 2: vs_buf_printf(b, "%s is %s %s and %s has %s %s\n", subject[g], article(word), word, subject[g], article(of), of); break;
    case 3: vs_buf_printf(b, "the %s is %s %s to us said the %s\n", word, article(family), family, of); break;
    case 4: vs_buf_printf(b, "we saw the %s with %s %s at the %s\n", word, possessive[g], thing, place); break;
    default: vs_buf_printf(b, "good day %s said we to the %s and gave %s %s %s\n", title[g], word, object[g], article(of), of);
    }
}

vs_status vs_world_tell(vs_err *err, size_t n, uint64_t seed, vs_buf *out) {
    vs_rng *r;
    VS_TRY(vs_rng_new(err, seed, &r));
    for (size_t i = 0; i < n && !out->failed; i++) tell(r, out);
    vs_rng_free(r);
    return out->failed ? vs_fail(err, VS_E_NOMEM, "no memory for %zu sentences", n) : VS_OK;
}
