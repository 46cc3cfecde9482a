//! Keyed pseudonyms. With the key they can be made again; without it names cannot be guessed.

use std::io;

use hashbrown::{HashMap, HashSet};

/// What pseudonyms are made with.
#[derive(Clone)]
pub struct Key([u8; Self::BYTES]);

impl Key {
    /// The length of a key.
    pub const BYTES: usize = blake3::KEY_LEN;

    /// One that nobody has had before, and nobody will have again.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub fn random() -> io::Result<Self> {
        let mut key = [0; Self::BYTES];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        Ok(Self(key))
    }

    /// That which these bytes make, however many they are.
    pub fn of(secret: &[u8]) -> Self {
        Self(blake3::derive_key("memtrace 2026 scrub: pseudonyms", secret))
    }

    pub(super) fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// A number in place of another.
    pub(super) fn number(&self, what: &str, number: u64) -> u64 {
        let hash = self.hash(what, &number.to_le_bytes());
        u64::from_le_bytes(*hash.first_chunk().expect("a hash is longer"))
    }

    fn hash(&self, what: &str, content: &[u8]) -> [u8; blake3::OUT_LEN] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(what.as_bytes()).update(&[0]).update(content);
        hasher.finalize().into()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Between these, what is a word is replaced by itself.
const SEPARATORS: &str = "/\\.:;,-+#@$%&*=?!|~^ <>()[]{}\"'`";

/// Words of the field, which say nothing of anybody.
const FIELD: [&str; 14] = [
    "cuda", "hip", "host", "pinned", "managed", "device", "cpu", "gpu", "large", "small", "default", "none",
    "thread", "pool",
];

/// Common words of models and of what engines do, which are in everybody's traces. Whoever helps reads a report by them.
const COMMON: &[&str] = &[
    // Models and their parts.
    "attention",
    "attentions",
    "attn",
    "attn1",
    "attn2",
    "block",
    "blocks",
    "clip",
    "cond_stage_model",
    "controlnet",
    "conv",
    "conv1",
    "conv2",
    "conv_in",
    "conv_out",
    "cross_attn",
    "decoder",
    "diffusion_model",
    "down_blocks",
    "embed_tokens",
    "embeddings",
    "encoder",
    "ff",
    "first_stage_model",
    "image_encoder",
    "in_layers",
    "input_blocks",
    "k_proj",
    "layer",
    "layers",
    "linear",
    "lm_head",
    "lora",
    "mid_block",
    "middle_block",
    "mlp",
    "model",
    "norm",
    "norm1",
    "norm2",
    "norm3",
    "o_proj",
    "out_layers",
    "output_blocks",
    "proj",
    "q_proj",
    "refiner",
    "resnets",
    "safety_checker",
    "scheduler",
    "self_attn",
    "t5",
    "text_encoder",
    "text_encoder_2",
    "text_encoder_3",
    "tokenizer",
    "transformer",
    "transformer_blocks",
    "unet",
    "up_blocks",
    "upscaler",
    "v_proj",
    "vae",
    "vae_decoder",
    "vae_encoder",
    "weight",
    // What is done with them.
    "backward",
    "batch",
    "decode",
    "denoise",
    "encode",
    "epoch",
    "eval",
    "forward",
    "generate",
    "inference",
    "init",
    "job",
    "load",
    "load_weights",
    "main",
    "optimizer",
    "prefill",
    "preview",
    "profile",
    "prompt",
    "request",
    "sample",
    "sampling",
    "save",
    "step",
    "steps",
    "switch",
    "train",
    "training",
    "unload",
    "warmup",
    "worker",
];

/// The longest number that stays: an index in a list of layers.
const DIGITS: usize = 4;

/// The letters of a pseudonym; none of them looks like another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const LENGTH: usize = 8;

/// The pseudonyms of one trace.
#[derive(Debug)]
pub(super) struct Pseudonyms<'a> {
    key: &'a Key,
    made: HashMap<String, String>,
    taken: HashSet<String>,
}

impl<'a> Pseudonyms<'a> {
    pub(super) fn new(key: &'a Key) -> Self {
        Self { key, made: HashMap::new(), taken: HashSet::new() }
    }

    /// How many words were replaced.
    pub(super) fn count(&self) -> u64 {
        self.made.len() as u64
    }

    /// The text with a pseudonym for every word. One word has one pseudonym, and no two have the same.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut scrubbed = String::with_capacity(text.len());
        for part in text.split_inclusive(|c| SEPARATORS.contains(c)) {
            let word = part.trim_end_matches(|c| SEPARATORS.contains(c));
            scrubbed.push_str(&self.word(word));
            scrubbed.push_str(&part[word.len()..]);
        }
        scrubbed
    }

    fn word(&mut self, word: &str) -> String {
        let number = word.len() <= DIGITS && word.bytes().all(|byte| byte.is_ascii_digit());
        if number || FIELD.contains(&word) || COMMON.contains(&word) {
            return word.to_owned();
        }
        if let Some(made) = self.made.get(word) {
            return made.clone();
        }
        let hash = self.key.hash("word", word.as_bytes());
        let letters: String = hash.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
        let free = (LENGTH..=letters.len())
            .map(|length| &letters[..length])
            .find(|made| !self.taken.contains(*made));
        let made = free.unwrap_or(&letters).to_owned();
        self.taken.insert(made.clone());
        self.made.insert(word.to_owned(), made.clone());
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_stays_and_words_go() {
        let key = Key::of(b"secret");
        let mut pseudonyms = Pseudonyms::new(&key);
        let path = pseudonyms.text("/opt/engine/secret/fast_unet.stage.12.kernel");
        let parts: Vec<&str> = path.split(['/', '.']).collect();
        assert_eq!((parts.len(), parts[0], parts[6]), (8, "", "12"));
        assert!(
            !["opt", "engine", "secret", "unet", "stage", "kernel"].iter().any(|word| path.contains(word))
        );
        assert_eq!(pseudonyms.text("engine"), parts[2], "one word has one pseudonym");
        assert_eq!(pseudonyms.text("cuda:0"), "cuda:0");
        assert_ne!(pseudonyms.text("12345"), "12345");
        assert_eq!(Pseudonyms::new(&key).text("engine"), parts[2], "and so it has with the same key");
        assert_ne!(Pseudonyms::new(&Key::of(b"other")).text("engine"), parts[2]);
        assert_eq!(pseudonyms.text("unet.down_blocks.0"), "unet.down_blocks.0", "words of everybody stay");
        assert_eq!(pseudonyms.text(""), "");
        assert_eq!(pseudonyms.text("//"), "//");
    }
}
