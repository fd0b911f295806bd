"""python -m placement_audit"""

from placement_audit.cli import main

if __name__ == "__main__":
    main()
