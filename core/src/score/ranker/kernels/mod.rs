//! The arithmetic of a ranker: functions number by number, sums along an axis, products of matrices.
//!
//! Vector instructions come from the `fearless_simd` crate, without unsafe code here. Functions of single numbers use what
//! every processor of a platform has, so that they round alike on all of them; products, which are most of the work,
//! use the widest vectors of the machine they run on.

mod functions;
mod lanes;
mod multiply;
mod panels;
mod reduce;

pub(super) use self::lanes::{Function, Lane, apply};
pub(super) use self::multiply::{Sizes, multiply};
pub(super) use self::panels::{most_packed, pack, packed_length};
pub(super) use self::reduce::{Reduction, fold, join};
