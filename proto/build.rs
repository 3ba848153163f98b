//! Compiles every `<area>/v<N>/*.proto` beside this file, without protoc, into
//! messages and services (tonic), a descriptor set for reflection, and the
//! Avro schemas and codecs of all messages that are marked as records.

#[path = "build/codec.rs"]
mod codec;
#[path = "build/model.rs"]
mod model;
#[path = "build/schema.rs"]
mod schema;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=build.rs");

    let files = protos(&root)?;
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&files)?;

    fs::write(
        out_dir.join("descriptor_set.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    tonic_prost_build::configure()
        .include_file("packages.rs")
        .compile_fds(compiler.file_descriptor_set())?;

    let records = model::read(&compiler.descriptor_pool())?;
    fs::write(out_dir.join("avro.rs"), codec::write(&records)?)?;
    Ok(())
}

/// The proto files, relative to the root, in a stable order.
fn protos(root: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for area in folders(root)? {
        for version in folders(&area)? {
            for entry in fs::read_dir(&version)? {
                let path = entry?.path();
                if path.extension().is_some_and(|ending| ending == "proto") {
                    files.push(path.strip_prefix(root)?.to_path_buf());
                }
            }
            println!("cargo::rerun-if-changed={}", version.display());
        }
        println!("cargo::rerun-if-changed={}", area.display());
    }
    println!("cargo::rerun-if-changed={}", root.display());
    files.sort();
    Ok(files)
}

/// The folders of `parent` that can hold protos.
fn folders(parent: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        let skipped = ["src", "build", "tests", "examples", "proptest-regressions"];
        let skip = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_none_or(|name| skipped.contains(&name));
        if path.is_dir() && !skip {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
