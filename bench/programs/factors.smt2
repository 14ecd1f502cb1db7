; Has the prime 2^33 - 9 factors below 2^17? Asked of the bits of a product,
; which becomes thousands of clauses; as many again are learnt.
(set-logic QF_BV)
(declare-const x (_ BitVec 36))
(declare-const y (_ BitVec 36))
(assert (= (bvmul x y) (_ bv8589934583 36)))
(assert (bvult (_ bv1 36) x))
(assert (bvule x y))
(assert (bvult y (_ bv131072 36)))
(check-sat)
