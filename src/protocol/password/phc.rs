//! One Argon2 hash: computed, written and read as a PHC string, in memory that is lent.
//!
//! Blocking, 20 ms a call; [`super::Hasher`] decides on which thread. Only Argon2 is read here. The other forms that
//! users are imported with are in [`super::imported`].

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::kernel::crypto::Random;
use crate::kernel::secret;

/// 19 MiB, 2 passes, 1 lane: the first choice of OWASP's password storage cheat sheet.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const OUTPUT_LEN: usize = 32;
const SALT_LEN: usize = 16;

/// The dearest stored hash that is still computed. Stored hashes can come from an import, that is, from outside: one
/// that asks for 4 GiB or a million passes would stop the server as often as somebody tries to sign in to it. These are
/// the bounds of what WorkOS imports; the defaults of the common libraries (64 to 100 MiB, 2 to 4 passes) are well within.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
/// Passes times memory, which is what time is proportional to: five passes over the most memory, half a second or more.
const MAX_WORK_KIB: u64 = 5 * 256 * 1024;
const MAX_LANES: u32 = 16;
/// What is taken from outside must also have cost something, as WorkOS wants it.
const IMPORTED_MEMORY_KIB: std::ops::RangeInclusive<u32> = 4096..=MAX_MEMORY_KIB;
const IMPORTED_PASSES: std::ops::RangeInclusive<u32> = 1..=5;
/// Argon2i loses to a known attack with fewer passes (RFC 9106, 4 and 7.4).
const IMPORTED_PASSES_ARGON2I: std::ops::RangeInclusive<u32> = 3..=5;
const IMPORTED_LANES: std::ops::RangeInclusive<u32> = 1..=8;
/// A shorter one makes it too easy to find any password that fits.
const MIN_OUTPUT_LEN: usize = 16;
/// Longer than any PHC string of Argon2.
const MAX_TEXT_LEN: usize = 256;

/// One block more than 32 MiB: from that size on, glibc takes memory from the system directly and gives it back when
/// it is freed, whatever was allocated before (`DEFAULT_MMAP_THRESHOLD_MAX` in mallopt(3)). Below, freed memory may
/// stay with the process. Capacity that is never written to costs address space and nothing else.
const CAPACITY: usize = 32 * 1024 + 1;

/// Why a stored hash cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PhcError {
    /// Not a PHC string of Argon2 with a salt and a hash of at least 16 bytes.
    #[error("the password hash is not a PHC string of Argon2 with a salt and a hash of at least 16 bytes")]
    Malformed,
    /// Made with a secret key ("pepper") that is not in the string.
    #[error("the password hash was made with a secret key, which cannot be imported")]
    Keyed,
    /// Would cost more than is ever spent on one password.
    #[error(
        "the password hash asks for {memory_kib} KiB, {passes} passes and {lanes} lanes, over the limits of \
         {MAX_MEMORY_KIB} KiB, {MAX_WORK_KIB} KiB times passes and {MAX_LANES} lanes"
    )]
    TooExpensive {
        /// Memory asked for.
        memory_kib: u32,
        /// Passes over that memory.
        passes: u32,
        /// Degree of parallelism.
        lanes: u32,
    },
    /// Within what is computed, but not within what is taken from outside.
    #[error(
        "the password hash must be of version 19, with 4096 to 262144 KiB, 1 to 5 passes (Argon2i: 3 to 5) and 1 to 8 lanes"
    )]
    OutOfBounds,
    /// The machine has no memory left for one hash.
    #[error("there is no memory left to check a password; give the server more, or fewer hashing threads")]
    OutOfMemory,
}

/// Whether a password fits a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password.
    Wrong,
    /// It is the password.
    Right {
        /// The hash was made with other parameters than today's: hash the password again now, while it is known.
        rehash: bool,
    },
}

/// The memory of one hashing thread, kept between hashes: the 19 MiB are neither faulted in nor wiped by the kernel
/// for each password, and the memory of the process is flat under load.
#[derive(Default)]
pub(super) struct Memory {
    blocks: Vec<Block>,
}

impl Memory {
    /// Gives the memory back to the system.
    pub(super) fn release(&mut self) {
        self.blocks = Vec::new();
    }

    /// Bytes in use.
    pub(super) fn bytes(&self) -> usize {
        self.blocks.len() * Block::SIZE
    }

    fn own(&mut self, count: usize) -> Result<&mut [Block], PhcError> {
        if self.blocks.len() < count {
            let missing = CAPACITY.max(count) - self.blocks.len();
            self.blocks.try_reserve_exact(missing).map_err(|_| PhcError::OutOfMemory)?;
            self.blocks.resize(count, Block::new());
        }
        Ok(&mut self.blocks[..count])
    }
}

/// A stored hash, read and found affordable.
pub(super) struct Stored {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    output: Output,
}

impl Stored {
    pub(super) fn parse(text: &str) -> Result<Self, PhcError> {
        if text.len() > MAX_TEXT_LEN {
            return Err(PhcError::Malformed);
        }
        let phc = PasswordHash::new(text).map_err(|_| PhcError::Malformed)?;
        let stored = Self {
            algorithm: phc.algorithm.as_str().parse().map_err(|_| PhcError::Malformed)?,
            // Strings of before Argon2 1.3 carry no version.
            version: phc.version.map_or(Ok(Version::V0x10), Version::try_from).map_err(|_| PhcError::Malformed)?,
            params: Params::try_from(&phc).map_err(|_| PhcError::Malformed)?,
            salt: phc.salt.ok_or(PhcError::Malformed)?,
            output: phc.hash.filter(|output| output.len() >= MIN_OUTPUT_LEN).ok_or(PhcError::Malformed)?,
        };
        stored.affordable()?;
        Ok(stored)
    }

    fn affordable(&self) -> Result<(), PhcError> {
        let (memory_kib, passes, lanes) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        if !self.params.keyid().is_empty() {
            return Err(PhcError::Keyed);
        }
        let work = u64::from(memory_kib) * u64::from(passes);
        if memory_kib > MAX_MEMORY_KIB || work > MAX_WORK_KIB || lanes > MAX_LANES {
            return Err(PhcError::TooExpensive { memory_kib, passes, lanes });
        }
        Ok(())
    }

    /// Bytes beyond those that a thread keeps for itself.
    pub(super) fn extra_memory(&self) -> usize {
        let bytes = self.params.block_count() * Block::SIZE;
        if bytes > MEMORY_KIB as usize * Block::SIZE { bytes } else { 0 }
    }

    /// Whether it takes less time than a hash of ours, so that a quick answer would tell that somebody has one.
    pub(super) fn is_cheaper(&self) -> bool {
        u64::from(self.params.m_cost()) * u64::from(self.params.t_cost()) < u64::from(MEMORY_KIB * PASSES)
    }

    /// Compares `password` with it, in a time that does not depend on where they differ.
    pub(super) fn verify(&self, memory: &mut Memory, password: &str) -> Result<Verdict, PhcError> {
        let mut buffer = [0; Output::MAX_LENGTH];
        let output = &mut buffer[..self.output.len()];
        compute(memory, (self.algorithm, self.version, &self.params), password, &self.salt, output)?;
        let right = secret::same(output, self.output.as_bytes());
        Ok(if right { Verdict::Right { rehash: !self.is_current() } } else { Verdict::Wrong })
    }

    fn is_current(&self) -> bool {
        (self.params.m_cost(), self.params.t_cost(), self.params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
            && (self.algorithm, self.version) == (Algorithm::Argon2id, Version::V0x13)
            && self.output.len() == OUTPUT_LEN
    }
}

/// Whether a hash that somebody wants to store can be taken. Costs nothing.
pub(super) fn check_import(text: &str) -> Result<(), PhcError> {
    let Stored { algorithm, version, params, .. } = Stored::parse(text)?;
    let passes = match algorithm {
        Algorithm::Argon2i => IMPORTED_PASSES_ARGON2I,
        Algorithm::Argon2d | Algorithm::Argon2id => IMPORTED_PASSES,
    };
    let within = version == Version::V0x13
        && IMPORTED_MEMORY_KIB.contains(&params.m_cost())
        && passes.contains(&params.t_cost())
        && IMPORTED_LANES.contains(&params.p_cost());
    if within { Ok(()) } else { Err(PhcError::OutOfBounds) }
}

/// Hashes `password` with our parameters.
pub(super) fn hash(memory: &mut Memory, password: &str, salt: [u8; SALT_LEN]) -> Result<String, PhcError> {
    let params = params()?;
    let mut output = [0; OUTPUT_LEN];
    compute(memory, (Algorithm::Argon2id, Version::V0x13, &params), password, &salt, &mut output)?;
    write(&params, &salt, &output)
}

/// A hash like any other that nobody knows a password for, because it is not the hash of one.
pub(super) fn nobody(random: &Random) -> Result<String, PhcError> {
    write(&params()?, &random.bytes::<SALT_LEN>(), &random.bytes::<OUTPUT_LEN>())
}

fn params() -> Result<Params, PhcError> {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_LEN)).map_err(|_| PhcError::Malformed)
}

fn write(params: &Params, salt: &[u8], output: &[u8]) -> Result<String, PhcError> {
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(|_| PhcError::Malformed)?,
        salt: Some(Salt::new(salt).map_err(|_| PhcError::Malformed)?),
        hash: Some(Output::new(output).map_err(|_| PhcError::Malformed)?),
    };
    Ok(phc.to_string())
}

fn compute(
    memory: &mut Memory,
    (algorithm, version, params): (Algorithm, Version, &Params),
    password: &str,
    salt: &[u8],
    output: &mut [u8],
) -> Result<(), PhcError> {
    let argon2 = Argon2::new(algorithm, version, params.clone());
    let blocks = memory.own(params.block_count())?;
    let result = argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, blocks);
    if memory.bytes() > MEMORY_KIB as usize * Block::SIZE {
        // An imported hash needed more than ours. It will be replaced at this sign-in; its memory is not kept.
        memory.release();
    }
    result.map_err(|_| PhcError::Malformed)
}
