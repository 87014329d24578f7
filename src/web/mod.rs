//! The core as JavaScript sees it.
//!
//! [`core::Core`] is the only export: what happened goes in as numbers, what is to be done comes out as numbers, and the
//! driver (`src/js/driver.ts`) carries it out with the browser's sockets, requests and timers. The driver is JavaScript
//! because the very same lines cost three times as many bytes as wasm with glue; it decides nothing, and this module does
//! not either.
//!
//! [`wire`] is how a parsed document comes in.

pub mod core;
mod wire;

/// A third of the size of the standard one, and its equal for the few allocations there are.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// A panic ends the instance at once: nobody reads a message, and formatting one would cost two kilobytes.
#[cfg(feature = "standalone")]
#[panic_handler]
fn panic(_: &::core::panic::PanicInfo<'_>) -> ! {
    ::core::arch::wasm32::unreachable()
}
