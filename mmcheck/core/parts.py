"""The tables of parts. Adding a part is one file and one line here (docs/extending.md).

Strings only: importing this module imports no part. What else is asked of a part is told by its class. Code that makes
parts imports the table from the package of their kind (``mmcheck.probe.base`` and the like), typed by their protocol.
"""

from __future__ import annotations

from mmcheck.core.part_traits import AnalysisPart, ProbePart, RulePart
from mmcheck.core.registry import Registry

PROBES: Registry[ProbePart] = Registry("probe", "mmcheck.probes", "mmcheck.probe.base:Probe")
PROBES.register(
    "media",
    "mmcheck.probe.media:MediaProbe",
    "is the file readable, blank, silent or clipped; how fast is the speech",
    metrics="mmcheck.probe.media_metrics:METRICS",
)
PROBES.register(
    "caption_text",
    "mmcheck.probe.caption_text:CaptionTextProbe",
    "the caption by itself: length, leftovers of tools, repetition",
    metrics="mmcheck.probe.caption_text_metrics:METRICS",
)
PROBES.register(
    "transcript_text",
    "mmcheck.probe.transcript_text:TranscriptTextProbe",
    "leftovers of tools in the transcript: markup, marks, hidden characters, lost spaces",
    metrics="mmcheck.probe.transcript_text_metrics:METRICS",
)
PROBES.register(
    "image_text",
    "mmcheck.probe.image_text:ImageTextProbe",
    "CLIP/SigLIP similarity of image and caption",
    metrics="mmcheck.probe.image_text_metrics:METRICS",
)
PROBES.register(
    "transcript",
    "mmcheck.probe.transcript:TranscriptProbe",
    "Whisper verifies the transcript against the recording",
    metrics="mmcheck.probe.transcript_metrics:METRICS",
)
PROBES.register(
    "transcript_null",
    "mmcheck.probe.transcript_null:TranscriptNullProbe",
    "how other clips' transcripts score on a sample of the recordings",
    metrics="mmcheck.probe.transcript_null_metrics:METRICS",
)
PROBES.register(
    "transcript_second",
    "mmcheck.probe.transcript_second:TranscriptSecondProbe",
    "a second, independent model verifies the transcript: any CTC model, or another Whisper",
    metrics="mmcheck.probe.transcript_second_metrics:METRICS",
)

# In the order in which they run: an analysis may read those before it.
ANALYSES: Registry[AnalysisPart] = Registry("analysis", "mmcheck.analyses", "mmcheck.corpus.base:Analysis")
ANALYSES.register(
    "repetition",
    "mmcheck.corpus.repetition:Repetition",
    "how often the same text or the same bytes occur in the run",
    metrics="mmcheck.corpus.repetition_metrics:METRICS",
)
ANALYSES.register(
    "duplicates",
    "mmcheck.corpus.duplicates.analysis:Duplicates",
    "near-duplicate images, recordings, texts and pairs, in groups",
    metrics="mmcheck.corpus.duplicates.metrics:METRICS",
)
ANALYSES.register(
    "alignment",
    "mmcheck.corpus.alignment.analysis:Alignment",
    "is a pair mismatched, compared with the set's own texts paired at random",
    metrics="mmcheck.corpus.alignment.metrics:METRICS",
)
ANALYSES.register(
    "speech",
    "mmcheck.corpus.speech.analysis:Speech",
    "which fault a transcript has, learned from faults planted in the set itself",
    metrics="mmcheck.corpus.speech.metrics:METRICS",
)
ANALYSES.register(
    "agreement",
    "mmcheck.corpus.agreement.analysis:Agreement",
    "do both verifiers say the same of a transcript and of its words",
    metrics="mmcheck.corpus.agreement.metrics:METRICS",
)
ANALYSES.register(
    "caption",
    "mmcheck.corpus.caption.analysis:Caption",
    "does the caption say anything specific, or would it fit any image",
    metrics="mmcheck.corpus.caption.metrics:METRICS",
)
ANALYSES.register(
    "caption_words",
    "mmcheck.corpus.caption_words.analysis:CaptionWords",
    "which word of a caption is wrong, learned from the set's own words",
    metrics="mmcheck.corpus.caption_words.metrics:METRICS",
)
ANALYSES.register(
    "consistency",
    "mmcheck.corpus.consistency.analysis:Consistency",
    "do similar images have similar captions, and copies of a recording equal transcripts",
    metrics="mmcheck.corpus.consistency.metrics:METRICS",
)
ANALYSES.register(
    "self_made",
    "mmcheck.corpus.self_made.analysis:SelfMade",
    "were the transcripts written by the very model that judges them",
    metrics="mmcheck.corpus.self_made.metrics:METRICS",
)

RULES: Registry[RulePart] = Registry("rule", "mmcheck.rules", "mmcheck.judge.rule:Rule")
RULES.register("threshold", "mmcheck.judge.threshold:ThresholdRule", "a metric below its min or above its max")
RULES.register(
    "metadata",
    "mmcheck.judge.metadata:MetadataRule",
    "a column of the manifest is missing, not allowed, not unique or beyond its limits",
)
RULES.register(
    "unreadable_media",
    "mmcheck.judge.unreadable_media:UnreadableMediaRule",
    "the image or recording is missing or broken",
)
RULES.register("empty_text", "mmcheck.judge.empty_text:EmptyTextRule", "the caption or transcript is empty")
RULES.register(
    "transcript_residue",
    "mmcheck.judge.text_residue:TranscriptResidueRule",
    "the transcript holds text that is not spoken: markup, marks, hidden characters",
)
RULES.register(
    "caption_residue",
    "mmcheck.judge.text_residue:CaptionResidueRule",
    "the caption holds hidden or broken characters, or is a word such as null",
)
RULES.register(
    "wrong_caption_word",
    "mmcheck.judge.caption_word:CaptionWordRule",
    "a word of the caption does not fit the image",
)
RULES.register("broken_row", "mmcheck.judge.broken_row:BrokenRowRule", "the manifest row cannot be read")
RULES.register("unjudged", "mmcheck.judge.unjudged:UnjudgedRule", "the pair cannot be judged from this dataset")
RULES.register("unmeasured", "mmcheck.judge.unmeasured:UnmeasuredRule", "a probe failed or nothing could be measured")

FORMATS: Registry[object] = Registry("format", "mmcheck.formats", "mmcheck.formats.base:Format")
FORMATS.register("nemo", "mmcheck.formats.nemo:NemoFormat", "NeMo JSONL: audio_filepath, text, duration, offset")
FORMATS.register(
    "imagefolder",
    "mmcheck.formats.hf_folder:HfFolderFormat",
    "Hugging Face imagefolder/audiofolder: metadata.jsonl|csv|parquet",
)
FORMATS.register(
    "audiofolder",
    "mmcheck.formats.hf_folder:HfAudioFolderFormat",
    "Hugging Face audiofolder: metadata.jsonl|csv|parquet",
)
FORMATS.register("jsonl", "mmcheck.formats.jsonl:JsonlFormat", "one JSON object per line")
FORMATS.register("json", "mmcheck.formats.json_array:JsonArrayFormat", "one JSON array of objects")
FORMATS.register("csv", "mmcheck.formats.csv:CsvFormat", "CSV or TSV, open_clip's filepath/title included")
FORMATS.register("parquet", "mmcheck.formats.parquet:ParquetFormat", "Parquet with paths or embedded bytes")
FORMATS.register(
    "hf_repo",
    "mmcheck.formats.hf_repository:HfRepositoryFormat",
    "a Hugging Face repository: data/train-00000-of-00001.parquet, here or at hf://datasets/ORG/NAME",
)
FORMATS.register(
    "hf_disk",
    "mmcheck.formats.hf_disk:HfDiskFormat",
    "what datasets' save_to_disk writes: Arrow files and dataset_info.json",
)
FORMATS.register(
    "img2dataset",
    "mmcheck.formats.images.img2dataset:Img2datasetFormat",
    "img2dataset's files: 00000/000000000.jpg and 00000.parquet",
)
FORMATS.register("coco", "mmcheck.formats.images.coco:CocoFormat", "COCO captions: images and annotations")
FORMATS.register(
    "karpathy", "mmcheck.formats.images.karpathy:KarpathyFormat", "Karpathy splits: images with their sentences"
)
FORMATS.register(
    "flickr",
    "mmcheck.formats.images.flickr:FlickrFormat",
    "Flickr8k/30k: x.jpg#0<tab>caption, image_name| comment_number| comment, captions.txt",
)
FORMATS.register(
    "conceptual",
    "mmcheck.formats.images.conceptual:ConceptualFormat",
    "Conceptual Captions: caption<tab>URL; nothing is fetched unasked",
)
FORMATS.register(
    "chat",
    "mmcheck.formats.images.chat:ChatFormat",
    "LLaVA, ShareGPT, messages: an image and the answers about it, JSON array or lines",
)
FORMATS.register(
    "datajuicer", "mmcheck.formats.images.data_juicer:DataJuicerFormat", "Data-Juicer JSONL; its tokens are no text"
)
FORMATS.register("webdataset", "mmcheck.formats.webdataset:WebdatasetFormat", "WebDataset/img2dataset tar shards")
FORMATS.register("folder", "mmcheck.formats.folder:FolderFormat", "a plain folder of x.jpg + x.txt or x.wav + x.txt")
FORMATS.register(
    "commonvoice",
    "mmcheck.formats.speech.common_voice:CommonVoiceFormat",
    "Common Voice tables (train.tsv ...) beside clips/",
)
FORMATS.register(
    "ljspeech",
    "mmcheck.formats.speech.ljspeech:LjSpeechFormat",
    "LJSpeech, Piper and Coqui lists of ids: id|text|normalised text, id|speaker|text",
)
FORMATS.register(
    "librispeech",
    "mmcheck.formats.speech.librispeech:LibriSpeechFormat",
    "LibriSpeech: *.trans.txt beside the recordings",
)
FORMATS.register(
    "voxpopuli", "mmcheck.formats.speech.voxpopuli:VoxPopuliFormat", "VoxPopuli: asr_train.tsv, recordings by id"
)
FORMATS.register(
    "gigaspeech", "mmcheck.formats.speech.gigaspeech:GigaSpeechFormat", "GigaSpeech.json: audios with segments"
)
FORMATS.register(
    "speechbrain", "mmcheck.formats.speech.speechbrain:SpeechBrainFormat", "SpeechBrain CSV: ID,duration,wav,...,wrd"
)
FORMATS.register(
    "nemo_tarred",
    "mmcheck.formats.speech.nemo_tarred:NemoTarredFormat",
    "NeMo's tarred sets: tarred_audio_manifest.json, audio_0.tar ...",
)
FORMATS.register("vctk", "mmcheck.formats.speech.vctk:VctkFormat", "VCTK: txt/SPEAKER/ beside wav48*/SPEAKER/")
FORMATS.register(
    "subtitles",
    "mmcheck.formats.speech.subtitles:SubtitlesFormat",
    "recordings and films with .srt or .vtt beside them; each cue is a sample",
)
FORMATS.register("mls", "mmcheck.formats.speech.mls:MlsFormat", "MLS: transcripts.txt and audio/SPEAKER/BOOK/")
FORMATS.register("lhotse", "mmcheck.formats.speech.lhotse:LhotseFormat", "Lhotse cuts, or recordings and supervisions")
FORMATS.register(
    "shar", "mmcheck.formats.speech.lhotse_shar:SharFormat", "Lhotse Shar: cuts.*.jsonl.gz, recording.*.tar"
)
FORMATS.register(
    "kaldi",
    "mmcheck.formats.speech.kaldi:KaldiFormat",
    "Kaldi and ESPnet folders: wav.scp, text, segments; commands are never run",
)

# What `mmcheck export` writes. Formats that are read write back what they read; these write any run's rows.
TARGETS: Registry[object] = Registry("export format", "mmcheck.targets", "mmcheck.export.target:Target")
TARGETS.register(
    "open-clip-csv", "mmcheck.export.targets.open_clip_csv:OpenClipCsv", "open_clip's CSV: filepath, title"
)
TARGETS.register(
    "webdataset",
    "mmcheck.export.targets.webdataset:WebdatasetTarget",
    "WebDataset tar shards, for open_clip and others",
)
TARGETS.register(
    "img2dataset", "mmcheck.export.targets.img2dataset:Img2datasetTarget", "img2dataset's shards: tar, Parquet, stats"
)
TARGETS.register(
    "imagefolder",
    "mmcheck.export.targets.hf_folder:ImageFolderTarget",
    "Hugging Face imagefolder, files linked or copied",
)
TARGETS.register(
    "audiofolder",
    "mmcheck.export.targets.hf_folder:AudioFolderTarget",
    "Hugging Face audiofolder, files linked or copied",
)
TARGETS.register(
    "hf-parquet", "mmcheck.export.targets.hf_parquet:HfParquetTarget", "Parquet with Hugging Face's Image and Audio"
)
TARGETS.register(
    "datacomp", "mmcheck.export.targets.datacomp:DatacompTarget", "DataComp subset: .npy of the rows' uids"
)
TARGETS.register("coco-captions", "mmcheck.export.targets.coco_captions:CocoCaptionsTarget", "COCO captions JSON")
TARGETS.register(
    "nemo", "mmcheck.export.targets.nemo:NemoTarget", "NeMo manifest: audio_filepath, duration, text, offset, lang"
)
TARGETS.register(
    "nemo-tarred",
    "mmcheck.export.targets.nemo:NemoTarredTarget",
    "NeMo's tarred set: audio_0.tar ..., tarred_audio_manifest.json",
)
TARGETS.register(
    "lhotse", "mmcheck.export.targets.lhotse:LhotseTarget", "Lhotse cuts, scores in custom; icefall and NeMo take them"
)
TARGETS.register(
    "kaldi",
    "mmcheck.export.targets.kaldi:KaldiTarget",
    "Kaldi and ESPnet data folder: wav.scp, text, utt2spk, segments ...",
)
TARGETS.register(
    "ljspeech",
    "mmcheck.export.targets.tts_lists:LjSpeechTarget",
    "LJSpeech: metadata.csv of id|raw text|normalised text, and wavs/",
)
TARGETS.register(
    "piper", "mmcheck.export.targets.tts_lists:PiperTarget", "Piper: metadata.csv of id|text or id|speaker|text, wavs/"
)
TARGETS.register(
    "coqui",
    "mmcheck.export.targets.tts_lists:CoquiTarget",
    "Coqui: metadata.csv of audio_file|text|speaker_name, wavs/",
)
TARGETS.register(
    "speechbrain",
    "mmcheck.export.targets.speechbrain:SpeechBrainTarget",
    "SpeechBrain's CSV: ID, duration, wav, wrd, start and stop of segments",
)
TARGETS.register(
    "data-juicer",
    "mmcheck.export.targets.data_juicer:DataJuicerTarget",
    "Data-Juicer JSONL: its tokens, images or audios, scores in __dj__stats__",
)
TARGETS.register("jsonl", "mmcheck.export.targets.tables:JsonlTarget", "JSON Lines in your manifest's own columns")
TARGETS.register("csv", "mmcheck.export.targets.tables:CsvTarget", "CSV in your manifest's own columns")
TARGETS.register("parquet", "mmcheck.export.targets.tables:ParquetTarget", "Parquet in your manifest's own columns")

ENGINES: Registry[object] = Registry("engine", "mmcheck.engines", "mmcheck.engine.base:Engine")
ENGINES.register("local", "mmcheck.engine.local:LocalEngine", "this machine; decoding overlaps the model")
