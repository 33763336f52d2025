"""What the recorded harvest comes to, file by file."""

# Changed on purpose? `python -m tests.helpers.recording` records anew and prints these lines.
DIGESTS = {
    "josh.jsonl": "84e770c7c755ef5507493879ea5cba881181f79157050d123b29ac1cbd956595",
    "dpo.jsonl": "55842bc8fff85cfe4a6f454c223ebd45f49d214a24643f8bb1de50c13d7e661c",
    "kto.jsonl": "1059dcc0bf3f578fddca450a0c9641d4c6973fc9126f976c038153a7c9eb08f6",
    "sft.jsonl": "f5866f5409b294624026b2f32504f440baaf2ec7a32fbe53d141367d9dc798bd",
}
