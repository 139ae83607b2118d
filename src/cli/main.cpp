// r1: one program with verbs.
int main() { return 0; }
