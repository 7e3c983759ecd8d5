//! Randomness that is the same in each run: SplitMix64.

#[derive(Debug, Clone, Default)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Less than the bound, which is not zero.
    pub fn below(&mut self, bound: u32) -> u32 {
        let product = (self.roll() >> 32) * u64::from(bound);
        u32::try_from(product >> 32).unwrap_or_default()
    }

    pub fn pick<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        let bound = u32::try_from(items.len()).unwrap_or(u32::MAX);
        &items[self.below(bound) as usize]
    }

    /// Rather one of the first: the square of an even distribution.
    pub fn early<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        let bound = u32::try_from(items.len()).unwrap_or(u32::MAX);
        let (one, other) = (self.below(bound), self.below(bound));
        &items[(u64::from(one) * u64::from(other) / u64::from(bound)) as usize]
    }

    /// From 1 to the bound, rather little: the sixth power of an even distribution.
    pub fn skewed(&mut self, bound: u32) -> u32 {
        let even = f64::from(self.below(1 << 20)) / f64::from(1 << 20);
        1 + (even.powi(6) * f64::from(bound)) as u32
    }

    /// An index, as often as its weight says.
    pub fn weighed(&mut self, weights: &[u32]) -> u8 {
        let mut rest = self.below(weights.iter().sum());
        for (index, &weight) in (0..).zip(weights) {
            if rest < weight {
                return index;
            }
            rest -= weight;
        }
        0
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(u32::try_from(last + 1).unwrap_or(u32::MAX));
            items.swap(last, other as usize);
        }
    }
}

/// A number that has nothing to do with its neighbours'.
pub fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
