// How an operator names its parameters once, for every reader of them (JavaScript today, a trace tomorrow).
//
// An operator is a struct with
//   static constexpr const char* name            what users call it; starts every error message
//   static constexpr bool inPlace = …            optional: outputs hold values that must survive a failure
//   static constexpr bool partial = …            optional: writes a part of its output
//   struct Params                                plain data, sizes first; trivially copyable
//   template <class V> static void fields(Params& p, V& v)   v("name", p.member) or v.choice("name", p.member, list)
//   static void check(const Params&, const Operands&)        throws unless operands fit the parameters, so that no kernel reads
//                                                            or writes outside them, whatever JavaScript passed
#pragma once

#include <cstdint>

#include "core/error.h"
#include "core/operand.h"
