/* remote_free.pml - a free into another thread's span, as a model for spin.
 *
 * One span of two slots whose bits share a group, and THREADS threads, each of
 * which does OPERATIONS things of its choice: allocates, for itself or another
 * thread, frees an object it holds, takes in what others freed. It takes the
 * span when nobody has it. At last it frees what it has left, and ends. Every
 * order of every step is tried. The steps are those of docs/locking.md and have
 * its names; each line that is one step there is one here. What processors may
 * reorder is not in it.
 *
 * What must hold:
 *   R1  a slot is handed out only when nobody holds it
 *   R2  a good free is never taken for a bad one, at once or later
 *   R3  while no call is under way, what was freed and not taken in yet is
 *       noted, told, and on the stack of a thread that owns the span
 *   R4  when all threads have ended, every slot is free and nothing is noted
 *   R5  a second free of an object passes both looks (F1, F2) only when a live
 *       bit was cleared in between them, or something given out since the first
 *
 * BUG, a number, plants a fault: each must be found.
 *   1  the owner clears told after it took the notes      (O2 after O3)
 *   2  a free looks whether it must tell before it notes  (F4 before F3)
 *   3  remote is cleared before live                      (O4 the other way)
 *   4  a free that adopts the span does not take in what it freed
 *   5  a thread ends although a free is about to push
 *   6  a free that finds nobody does not look again under the lock
 */

#ifndef THREADS
#define THREADS 3
#endif
#ifndef OPERATIONS
#define OPERATIONS 3
#endif
#ifndef BUG
#define BUG 0
#endif

#define SLOTS 2
#define ALL 3 /* a bit for each slot */
#define NOBODY THREADS

/* The span. owner and told are one word, and change in one step. */
byte owner = NOBODY;
bool told;
byte page = NOBODY; /* the owner as the page says */
byte live, remote, free_bits = ALL;
bool touched;     /* the one group */
bool central;     /* the lock of spans without an owner */
bool stack[THREADS]; /* whether the span lies on a thread's told stack */

byte holder[SLOTS] = { NOBODY, NOBODY }; /* the truth, which no thread reads */
byte under_way;                          /* calls */
byte cleared;                            /* how often a live bit was */
byte given;                              /* how many were handed out */

inline lock() { atomic { !central -> central = true } }
inline unlock() { central = false }

/* O3 and O4. live is the owner's: nobody else writes it. */
inline drain() {
    atomic { noted = touched; touched = false }
    if
    :: noted ->
        bits = remote;
        assert((live & bits) == bits); /* R2 */
        if
        :: BUG == 3 ->
            remote = remote & ~bits;
            atomic { live = live & ~bits; cleared++ }
        :: else ->
            atomic { live = live & ~bits; cleared++ }
            remote = remote & ~bits
        fi;
        free_bits = free_bits | bits;
        bits = 0
    :: else
    fi;
    noted = false
}

/* O1 to O4. */
inline take_told() {
    atomic { got = stack[me]; stack[me] = false }
    if
    :: got && BUG == 1 -> drain(); told = false
    :: got && BUG != 1 -> told = false; drain()
    :: else
    fi;
    got = false
}

/* A span without an owner: adopted, or drained where it is. */
inline settle() {
    lock();
    if
    :: owner == NOBODY || BUG == 6 ->
        settled = true;
        if
        :: true ->
            atomic { owner = me; told = false }
            page = me;
            if
            :: BUG == 4
            :: else -> drain()
            fi
        :: true -> drain()
        fi
    :: else
    fi;
    unlock()
}

/* F4 */
inline tell() {
    settled = false;
    do
    :: settled -> break
    :: else ->
        atomic { word = owner; was_told = told }
        if
        :: was_told -> break
        :: !was_told && word == NOBODY -> settle()
        :: else ->
            atomic {
                if
                :: owner == word && !told -> told = true; settled = true
                :: else
                fi
            }
            if
            :: settled -> stack[word] = true
            :: else
            fi
        fi
    od;
    settled = false; word = 0; was_told = false
}

inline free_remote() {
    assert((live & (1 << slot)) != 0); /* F1, R2 */
    atomic {                           /* F2, R2 */
        assert((remote & (1 << slot)) == 0);
        remote = remote | (1 << slot)
    }
    if /* F3 */
    :: BUG == 2 -> tell(); touched = true
    :: else ->
        atomic { noted = touched; touched = true }
        if
        :: !noted -> tell()
        :: else
        fi;
        noted = false
    fi
}

/* A free of what has been freed and not been given to anybody again. It only
 * looks: what would follow is reported when the owner comes. */
inline second_free() {
    atomic { seen = cleared; bits = live & (1 << slot) } /* F1 */
    if
    :: bits == 0 /* caught */
    :: else ->
        bits = 0;
        atomic { /* F2 */
            assert((remote & (1 << slot)) != 0 || cleared != seen ||
                   given != then) /* R5 */
        }
    fi;
    seen = 0
}

inline free_slot() {
    atomic {
        under_way++;
        assert(holder[slot] == me);
        holder[slot] = NOBODY;
        then = given
    }
    if
    :: page == me ->
        assert((live & (1 << slot)) != 0); /* R2 */
        atomic { live = live & ~(1 << slot); cleared++ }
        free_bits = free_bits | (1 << slot)
    :: else ->
        free_remote();
        if
        :: true
        :: true -> second_free()
        fi
    fi;
    then = 0;
    done()
}

inline done() {
    atomic {
        under_way--;
        assert(under_way != 0 || remote == 0 ||
               (touched && told && owner != NOBODY && stack[owner])) /* R3 */
    }
}

inline allocate() {
    atomic {
        under_way++;
        if
        :: (free_bits & 1) != 0 -> slot = 0
        :: (free_bits & 2) != 0 -> slot = 1
        fi;
        free_bits = free_bits & ~(1 << slot)
    }
    atomic { live = live | (1 << slot); given++ }
    atomic { /* handed on at once, or not */
        assert(holder[slot] == NOBODY); /* R1 */
        if
        :: holder[slot] = me
        :: holder[slot] = (me + 1) % THREADS
        :: holder[slot] = (me + 2) % THREADS
        fi
    }
    done()
}

/* What a refill does that finds the span on the central list. */
inline take_span() {
    atomic { under_way++ }
    lock();
    if
    :: owner == NOBODY -> atomic { owner = me; told = false }; page = me
    :: else
    fi;
    unlock();
    done()
}

/* The end of a thread, as far as the span goes. */
inline leave_span() {
    atomic { under_way++ }
    if
    :: page == me ->
        lock();
        do
        :: atomic {
               owner == me && (!told || BUG == 5) -> owner = NOBODY;
               told = false
           }
           break
        :: stack[me] -> take_told() /* a free was about to push, and has */
        od;
        page = NOBODY;
        drain();
        unlock()
    :: else
    fi;
    done()
}

#define MAY_ALLOCATE (page == me && free_bits != 0)
#define HOLDS(s) (holder[s] == me)

proctype thread(byte me) {
    byte left = OPERATIONS, slot, bits, word;
    byte seen, then;
    bool noted, got, settled, was_told;

    do
    :: left > 0 && MAY_ALLOCATE -> left--; allocate()
    :: left > 0 && HOLDS(0) -> left--; slot = 0; free_slot()
    :: left > 0 && HOLDS(1) -> left--; slot = 1; free_slot()
    :: left > 0 && owner == NOBODY -> take_span()
    :: left > 0 && stack[me] -> left--; under_way++; take_told(); done()
    :: break
    od;
    left = 0;
    /* Objects can be handed to a thread until the others have ended; the last
       one would wait for itself, so that each frees what it has by now, and the
       first process the rest. */
    do
    :: HOLDS(0) -> slot = 0; free_slot()
    :: HOLDS(1) -> slot = 1; free_slot()
    :: else -> break
    od;
    leave_span()
}

init {
    byte me = 0, slot, bits, word, i;
    byte seen, then;
    bool noted, got, settled, was_told;

    atomic {
        do
        :: i < THREADS -> run thread(i); i++
        :: else -> break
        od
    }
    _nr_pr == 1;
    /* A thread that ended may have been handed an object: somebody frees it. */
    do
    :: holder[0] != NOBODY -> me = holder[0]; slot = 0; free_slot()
    :: holder[1] != NOBODY -> me = holder[1]; slot = 1; free_slot()
    :: else -> break
    od;
    i = 0;
    do
    :: i < THREADS && page == i -> me = i; leave_span(); i++
    :: i < THREADS && page != i -> i++
    :: else -> break
    od;
    assert(owner == NOBODY && !told && remote == 0 && live == 0); /* R4 */
    assert(free_bits == ALL && !stack[0] && !stack[1]);           /* R4 */
}
