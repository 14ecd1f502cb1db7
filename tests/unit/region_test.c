// region_test.c - the table of moves is a state machine one can live with.

#include <stdbool.h>
#include <string.h>

#include "core/sys/region.h"
#include "tests/support/test_main.h"

static bool accepts(enum mh_sys_op op, enum mh_state state) {
    return (mh_rules[op].from & MH_IN(state)) != 0;
}

START_TEST(every_state_a_rule_leaves_can_be_freed) {
    const struct mh_rule *rule = &mh_rules[_i];
    unsigned freeable = mh_rules[MH_OP_free].from | MH_IN(MH_NONE);
    ck_assert_msg((freeable & MH_IN(rule->to)) != 0,
                  "%s leaves state %s, which free refuses", rule->name,
                  mh_state_name(rule->to));
}
END_TEST

START_TEST(every_rule_has_a_name_and_accepts_something_that_exists) {
    const struct mh_rule *rule = &mh_rules[_i];
    ck_assert_ptr_nonnull(rule->name);
    ck_assert_uint_ne(rule->from, 0);
    ck_assert_uint_lt(rule->from, MH_IN(MH_NSTATES));
    ck_assert_int_lt(rule->to, MH_NSTATES);
}
END_TEST

START_TEST(only_alloc_and_reserve_take_from_none) {
    ck_assert_int_eq(accepts((enum mh_sys_op)_i, MH_NONE),
                     _i == MH_OP_alloc || _i == MH_OP_reserve);
}
END_TEST

// From None, by any sequence of moves.
START_TEST(every_state_can_be_reached) {
    unsigned reached = MH_IN(MH_NONE);
    for (int round = 0; round < MH_NSTATES; round++) {
        for (int op = 0; op < MH_NOPS; op++) {
            if ((mh_rules[op].from & reached) != 0) {
                reached |= MH_IN(mh_rules[op].to);
            }
        }
    }
    ck_assert_uint_eq(reached, MH_IN(MH_NSTATES) - 1);
}
END_TEST

START_TEST(reserved_becomes_ready_only_by_way_of_prepared) {
    ck_assert_int_eq(mh_rules[MH_OP_map].to, MH_PREPARED);
    ck_assert(!accepts(MH_OP_used, MH_RESERVED));
    for (int op = 0; op < MH_NOPS; op++) {
        ck_assert(!(accepts((enum mh_sys_op)op, MH_RESERVED) &&
                    mh_rules[op].to == MH_READY));
    }
}
END_TEST

START_TEST(used_takes_a_range_that_mixes_prepared_and_ready) {
    ck_assert(accepts(MH_OP_used, MH_PREPARED));
    ck_assert(accepts(MH_OP_used, MH_READY));
}
END_TEST

START_TEST(unused_takes_nothing_but_ready) {
    ck_assert_uint_eq(mh_rules[MH_OP_unused].from, MH_IN(MH_READY));
}
END_TEST

START_TEST(names_of_states_are_distinct_words) {
    for (int i = 0; i < MH_NSTATES; i++) {
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(mh_state_name((enum mh_state)i),
                             mh_state_name((enum mh_state)j));
        }
    }
    ck_assert_str_eq(mh_state_name(MH_PREPARED), "prepared");
    ck_assert_str_eq(mh_rules[MH_OP_unused].name, "unused");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("region");

    TCase *rules = tcase_create("rules");
    tcase_add_loop_test(rules, every_state_a_rule_leaves_can_be_freed, 0,
                        MH_NOPS);
    tcase_add_loop_test(rules,
                        every_rule_has_a_name_and_accepts_something_that_exists,
                        0, MH_NOPS);
    tcase_add_loop_test(rules, only_alloc_and_reserve_take_from_none, 0,
                        MH_NOPS);
    tcase_add_test(rules, every_state_can_be_reached);
    tcase_add_test(rules, reserved_becomes_ready_only_by_way_of_prepared);
    tcase_add_test(rules, used_takes_a_range_that_mixes_prepared_and_ready);
    tcase_add_test(rules, unused_takes_nothing_but_ready);
    tcase_add_test(rules, names_of_states_are_distinct_words);
    suite_add_tcase(suite, rules);
    return mh_test_main(suite);
}
